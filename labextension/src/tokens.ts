import { Token } from '@lumino/coreutils';
import type { ISignal } from '@lumino/signaling';
import type { Api } from './api/request';
import type { Status } from './api/facts';

/** Where one stands, for every part that shows some of it. */
export interface IAssay {
  /** The server extension. */
  readonly api: Api;
  /** What is known; null before the first answer, and where there is no server extension. */
  readonly status: Status | null;
  /** Why it is not known, in a sentence. */
  readonly trouble: string | null;
  /** Emitted whenever either has changed. */
  readonly changed: ISignal<IAssay, void>;
  /** Ask again. */
  refresh(): Promise<void>;
}

export const IAssay = new Token<IAssay>(
  'assay-nb:IAssay',
  'The active workspace, its model and the state of its keys.'
);
