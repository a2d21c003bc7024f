import { Signal, type ISignal } from '@lumino/signaling';
import type { Status } from './api/facts';
import type { Api } from './api/request';
import type { IAssay } from './tokens';

/** The shared state: asked for once, and again after every act. */
export class Assay implements IAssay {
  private _status: Status | null = null;
  private _trouble: string | null = null;
  private readonly _changed = new Signal<IAssay, void>(this);

  constructor(readonly api: Api) {}

  get status(): Status | null {
    return this._status;
  }

  get trouble(): string | null {
    return this._trouble;
  }

  get changed(): ISignal<IAssay, void> {
    return this._changed;
  }

  async refresh(): Promise<void> {
    try {
      this._status = await this.api.status();
      this._trouble = null;
    } catch (error) {
      this._status = null;
      this._trouble = error instanceof Error ? error.message : String(error);
    }
    this._changed.emit();
  }
}
