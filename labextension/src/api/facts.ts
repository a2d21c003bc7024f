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

export interface Key {
  provider: Provider;
  state: 'ready' | 'unreadable' | 'sealed' | 'missing';
  verified: boolean;
  last4: string;
  endpoint: string;
  /** Where a request carries the key, such as "bearer"; "none" where it needs none. */
  placement: string;
  added_by: string;
  added_at: string;
}

export interface KeyCheck {
  provider: Provider;
  outcome: 'accepted' | 'limited' | 'unchecked' | 'keyless';
  detail: string;
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

export interface Call {
  at: string;
  user: string;
  instrument: string;
  model: string;
  funding: string;
  status: string;
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
  key_page: string | null;
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
