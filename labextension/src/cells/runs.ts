import { Dialog, Notification, showDialog } from '@jupyterlab/apputils';
import type { NotebookPanel } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';
import { AssayError, sentence } from '../api/errors';
import type { IAssay } from '../tokens';
import { h } from '../views/dom';
import { NoPrompt, runOnCell, type Instrument } from './running';
import type { Sides } from './side';

/** What a button does, and what it is called. */
export interface Work {
  instrument: Instrument;
  label: string;
  caption: string;
  /** Return what the result is called that is shown beside the notebook. */
  title(cell: number): string;
}

/** Lab cuts a notice that is longer, and the next step is at its end. */
const LONGEST_NOTICE = 140;

/** What was typed cannot be worked on: nothing was sent, and the person has to change it first. */
const REFUSED = ['wrong_usage', 'key_pasted'];

/** The runs under way, each with a notice that says whom it asks and stops it. */
export class Runs {
  private readonly underWay = new Set<AbortController>();

  constructor(
    private readonly assay: IAssay,
    private readonly sides: Sides,
    private readonly trans: TranslationBundle
  ) {}

  get any(): boolean {
    return this.underWay.size > 0;
  }

  stopAll(): void {
    this.underWay.forEach(one => {
      one.abort();
    });
  }

  /** Run an instrument on a notebook's active cell. Whatever goes wrong is told and not thrown. */
  async run(panel: NotebookPanel, work: Work): Promise<void> {
    const stop = new AbortController();
    this.underWay.add(stop);
    const notice = new Notice(stop, this.trans);
    try {
      await runOnCell(panel, work.instrument, {
        api: this.assay.api,
        signal: stop.signal,
        asking: (model, workspace) => {
          notice.name(model, workspace);
        },
        waiting: seconds => {
          notice.wait(seconds);
        },
        beside: (panel, cell) => {
          const number = panel.content.widgets.indexOf(cell) + 1;
          return this.sides.open(panel, cell, work.title(number));
        }
      });
    } catch (error) {
      this.tell(error, stop.signal.aborted, this.trans.__('%1 failed', work.label));
    } finally {
      notice.end();
      this.underWay.delete(stop);
      void this.assay.refresh();
    }
  }

  private tell(error: unknown, isStopped: boolean, title: string): void {
    const { trans } = this;
    if (isStopped) {
      const text = trans.__('Stopped, and the connection to the provider is closed.');
      Notification.info(text, { autoClose: 4000 });
    } else if (error instanceof NoPrompt) {
      Notification.info(trans.__('There is no prompt in this cell.'), { autoClose: 4000 });
    } else {
      this.tellWhole(error, title);
    }
  }

  /** Say what is wrong so that all of it can be read: in a notice, or beyond its length in a dialog. */
  private tellWhole(error: unknown, title: string): void {
    const text = sentence(error);
    const open = (): void => {
      const body = new Widget({ node: h('p', { class: 'assay-alert' }, text) });
      void showDialog({ title, body, buttons: [Dialog.okButton()] });
    };
    if (text.length <= LONGEST_NOTICE) {
      Notification.error(text, { autoClose: false });
    } else if (error instanceof AssayError && REFUSED.includes(error.code)) {
      open();
    } else {
      const actions = [{ label: this.trans.__('Read it all'), callback: open }];
      Notification.error(text, { autoClose: false, actions });
    }
  }
}

/** Who is asked, with a button to stop it. */
class Notice {
  private readonly id: string;
  private readonly actions: Notification.IAction[];
  private asked = '';

  constructor(
    stop: AbortController,
    private readonly trans: TranslationBundle
  ) {
    const callback = (): void => {
      stop.abort();
    };
    this.actions = [{ label: trans.__('Stop'), callback }];
    const options = { autoClose: false, actions: this.actions } as const;
    this.id = Notification.emit(trans.__('Asking …'), 'in-progress', options);
  }

  name(model: string, workspace: string): void {
    this.asked = this.trans.__('Asking %1 on workspace %2 …', model, workspace);
    this.show(this.asked);
  }

  /** Say that it waits, and once that is over whom it asks. */
  wait(seconds: number): void {
    const trying = this.trans.__('It did not answer; trying again in %1 s.', Math.ceil(seconds));
    this.show(`${this.asked} ${trying}`);
    window.setTimeout(() => {
      this.show(this.asked);
    }, 1000 * seconds);
  }

  private show(message: string): void {
    Notification.update({ id: this.id, message, actions: this.actions });
  }

  end(): void {
    Notification.dismiss(this.id);
  }
}
