import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';
import { AssayError } from './errors';
import type {
  Call,
  Hit,
  Key,
  KeyCheck,
  Listing,
  Marks,
  Member,
  NewConnection,
  Preset,
  Provider,
  Removal,
  Status,
  Workspace,
  Usage
} from './facts';
import { readEvents, type ServerEvent } from './events';

/** One run of an instrument, as it is asked for. */
export interface Run {
  instrument: string;
  prompt: string;
  /** The magic's line as it is in the cell, for the server to read; null where there is none. */
  line: string | null;
}

/**
 * The server extension's routes. No other file makes a request.
 */
export class Api {
  constructor(private readonly settings = ServerConnection.makeSettings()) {}

  status(): Promise<Status> {
    return this.ask('GET', 'status');
  }

  workspaces(): Promise<Workspace[]> {
    return this.ask('GET', 'workspaces');
  }

  createWorkspace(name: string): Promise<Workspace> {
    return this.ask('POST', 'workspaces', { name });
  }

  useWorkspace(id: string): Promise<Workspace> {
    return this.ask('POST', `workspaces/${encodeURIComponent(id)}/use`, {});
  }

  members(id: string): Promise<Member[]> {
    return this.ask('GET', `workspaces/${encodeURIComponent(id)}/members`);
  }

  usage(id: string): Promise<Usage> {
    return this.ask('GET', `workspaces/${encodeURIComponent(id)}/usage`);
  }

  calls(id: string): Promise<Call[]> {
    return this.ask('GET', `workspaces/${encodeURIComponent(id)}/calls`);
  }

  keys(id: string): Promise<Key[]> {
    return this.ask('GET', `workspaces/${encodeURIComponent(id)}/keys`);
  }

  models(): Promise<string[]> {
    return this.ask('GET', 'models');
  }

  setModel(id: string, model: string | null): Promise<{ model: string | null }> {
    return this.ask('PUT', `workspaces/${encodeURIComponent(id)}/model`, { model });
  }

  /** Ask the servers of the workspace's connections for their models: free. */
  listModels(id: string): Promise<Listing> {
    return this.ask('POST', `workspaces/${encodeURIComponent(id)}/models`, {});
  }

  presets(): Promise<Preset[]> {
    return this.ask('GET', 'presets');
  }

  /** Test the key of a connection that is there from the start, and store it. */
  setKey(id: string, provider: Provider, key: string, endpoint: string | null): Promise<KeyCheck> {
    const path = `workspaces/${encodeURIComponent(id)}/keys/${provider}`;
    return this.ask('PUT', path, { key, endpoint, check: true });
  }

  /** Make a connection with its key. This request, `setKey` and `replaceKey` are those that hold one. */
  connect(id: string, name: string, key: string, made: NewConnection): Promise<KeyCheck> {
    return this.ask('PUT', connectionPath(id, name), { key, ...made });
  }

  /** Store another key or address for a connection that has a name of its own. */
  replaceKey(
    id: string,
    name: string,
    key: string,
    endpoint: string | null,
    check: boolean
  ): Promise<KeyCheck> {
    return this.ask('PUT', connectionPath(id, name), { key, endpoint, check });
  }

  renameConnection(id: string, name: string, newName: string): Promise<unknown> {
    return this.ask('PATCH', connectionPath(id, name), { name: newName });
  }

  testKey(id: string, name: string): Promise<KeyCheck> {
    return this.ask('POST', `${connectionPath(id, name)}/test`, {});
  }

  removeKey(id: string, name: string): Promise<Removal> {
    return this.ask('DELETE', connectionPath(id, name));
  }

  lint(text: string): Promise<Marks> {
    return this.ask('POST', 'lint', { text });
  }

  scan(texts: string[]): Promise<Hit[]> {
    return this.ask('POST', 'scan', { texts });
  }

  /** Run an instrument and yield its events. Aborting closes the connection to the provider. */
  async *run(run: Run, signal: AbortSignal): AsyncGenerator<ServerEvent> {
    const response = await this.send(
      'POST',
      `instruments/${run.instrument}`,
      { prompt: run.prompt, line: run.line },
      signal
    );
    if (!response.ok) {
      throw await errorOf(response);
    }
    if (response.body) {
      yield* readEvents(response.body);
    }
  }

  private async ask<T>(method: string, path: string, body?: object): Promise<T> {
    const response = await this.send(method, path, body);
    if (!response.ok) {
      throw await errorOf(response);
    }
    return (await response.json()) as T;
  }

  private send(
    method: string,
    path: string,
    body?: object,
    signal?: AbortSignal
  ): Promise<Response> {
    const url = URLExt.join(this.settings.baseUrl, 'assay-nb/api/v1', path);
    const init: RequestInit = { method, cache: 'no-store' };
    if (body) {
      init.body = JSON.stringify(body);
    }
    if (signal) {
      init.signal = signal;
    }
    return ServerConnection.makeRequest(url, init, this.settings);
  }
}

function connectionPath(id: string, name: string): string {
  return `workspaces/${encodeURIComponent(id)}/connections/${encodeURIComponent(name)}`;
}

async function errorOf(response: Response): Promise<AssayError> {
  if (response.status === 404 && !response.headers.get('Content-Type')?.includes('json')) {
    return new AssayError('The server extension is not running.', null, 'not_found');
  }
  try {
    const { error } = (await response.json()) as {
      error: { message: string; hint: string | null; code: string };
    };
    return new AssayError(error.message, error.hint, error.code);
  } catch {
    return new AssayError(`The server answered ${response.status}.`, null, 'internal');
  }
}
