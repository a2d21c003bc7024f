/** What the server extension tells: plain facts, and never a key. */

export type Provider = 'anthropic' | 'openai' | 'google';

export interface Workspace {
  id: string;
  name: string;
  kind: 'personal' | 'team';
  role: string;
  model: string | null;
  active: boolean;
}

export interface Member {
  user: string;
  role: string;
}

/** A connection, and what may be known of its key. */
export interface Key {
  /** Its name, which stands before the slash of a model's. */
  connection: string;
  provider: Provider;
  state: 'ready' | 'unreadable' | 'sealed' | 'missing';
  /** Whether calls go out without a key. */
  keyless: boolean;
  /** The state, in the words of the terminal and the panel; and how it is meant. */
  word: string;
  tone: 'neutral' | 'good' | 'info' | 'warning' | 'bad';
  verified: boolean;
  last4: string;
  endpoint: string;
  /** The protocol of its server, in words. */
  speaks: string;
  /** Whose service it is, and where its keys are made; empty for a server of somebody's own. */
  label: string;
  key_url: string;
  added_by: string;
  added_at: string;
}

export interface KeyCheck {
  outcome: 'accepted' | 'limited' | 'unchecked' | 'keyless';
  detail: string;
  /** The first models that its server lists. */
  names: string[];
}

/** A service or server that a connection can be made to. */
export interface Preset {
  name: string;
  label: string;
  /** Its base URL, with parts to fill in within braces; empty where the whole address is asked for. */
  endpoint: string;
  parts: string[];
  key: 'required' | 'optional' | 'none';
  keys_url: string;
  looks_like: string;
  to_begin: string;
  caution: string;
}

/** What a form for a new connection holds. */
export interface NewConnection {
  preset: string;
  parts: Record<string, string>;
  /** Another address than the preset's. */
  endpoint: string | null;
  /** Whether it is tested before it is stored. */
  check: boolean;
}

export interface Removal {
  /** Where the key is revoked; empty where there was none to revoke. */
  revoke_url: string;
}

export interface Setup {
  provider: Provider;
  name: string;
  key_url: string;
  looks_like: string;
  cost: string;
  note: string;
}

/** The models that servers list, and the connections whose server did not list its own. */
export interface Listing {
  models: string[];
  failures: { connection: string; message: string }[];
}

export interface Call {
  at: string;
  user: string;
  instrument: string;
  /** The connection's name. */
  provider: string;
  model: string;
  funding: string;
  status: string;
}

/** How keys get into a workspace, in the words of the server: they depend on mode, role and workspace. */
export interface Keyway {
  /** The workspace's page on the hub, or a path on it; null where keys are entered here. */
  page: string | null;
  /** What is said beside the link to it; empty where there is none. */
  text: string;
  /** The last step of getting a key. */
  last: string;
  /** What can be done without a key meanwhile; may be empty. */
  demo: string;
}

/** A bar: what it is about, how long it is from 0 to 1, and the same in words. */
export interface Bar {
  label: string;
  share: number;
  words: string;
}

/** What calls used and cost this month, in the server's words. */
export interface Usage {
  text: string;
  bars: Bar[];
  limits: (Bar & { warning: string })[];
}

export interface Status {
  mode: 'solo' | 'hub';
  version: string;
  user: string;
  /** The active one; null, or one that is not active, where it is gone and no other was chosen yet. */
  workspace: Workspace | null;
  keys: Key[];
  model: string | null;
  budget: { granted: number; left: number };
  /** What is to be known of the model in use, such as that it is about to be shut down. */
  warnings: string[];
  setups: Setup[];
  /** How keys get into the active workspace; null where that one is gone. */
  keyway: Keyway | null;
}

export interface Marks {
  findings: { rule: string; level: string; message: string; start: number; end: number }[];
  variables: { name: string; start: number; end: number }[];
}

/** Something shaped like a credential: in which text, where, and what it is called. */
export interface Hit {
  index: number;
  label: string;
  start: number;
  end: number;
}
