import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, Notification } from '@jupyterlab/apputils';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ITranslator, nullTranslator, type TranslationBundle } from '@jupyterlab/translation';
import { AssayError } from '../api/request';
import { findPrompt } from '../cells/prompt';
import { NoPrompt, runOnCell, type Instrument } from '../cells/running';
import { IAssay } from '../tokens';
import { COMMANDS } from './names';

/** Critique, improve or rewrite the active cell, from its toolbar and the palette. */
export const cells: JupyterFrontEndPlugin<void> = {
  id: 'assay-nb:cells',
  description: 'Runs an instrument on the active cell.',
  autoStart: true,
  requires: [IAssay, INotebookTracker],
  optional: [ICommandPalette, ITranslator],
  activate: (
    app,
    assay: IAssay,
    tracker: INotebookTracker,
    palette: ICommandPalette | null,
    translator: ITranslator | null
  ) => {
    const trans = (translator ?? nullTranslator).load('assay_nb');
    const runs = new Set<AbortController>();
    const labels: [Instrument, string, string][] = [
      ['critique', trans.__('Critique'), trans.__('Critique the prompt in this cell')],
      ['improve', trans.__('Improve'), trans.__('Improve the prompt in this cell')],
      ['rewrite', trans.__('Rewrite'), trans.__('Rewrite the prompt in this cell')]
    ];
    const category = trans.__('Prompts');
    for (const [instrument, label, caption] of labels) {
      const command = COMMANDS[instrument];
      app.commands.addCommand(command, {
        label: args => (args.isPalette ? caption : label),
        caption,
        describedBy: { args: { type: 'object', properties: {} } },
        isVisible: () => hasPrompt(tracker),
        isEnabled: () => hasPrompt(tracker),
        execute: () => run(assay, tracker, instrument, runs, trans)
      });
      palette?.addItem({ command, category, args: { isPalette: true } });
    }
    app.commands.addCommand(COMMANDS.stop, {
      label: trans.__('Stop asking'),
      describedBy: { args: { type: 'object', properties: {} } },
      isEnabled: () => runs.size > 0,
      execute: () => {
        runs.forEach(one => {
          one.abort();
        });
      }
    });
    palette?.addItem({ command: COMMANDS.stop, category });
    const changed = (): void => {
      app.commands.notifyCommandChanged();
    };
    tracker.activeCellChanged.connect((_, cell) => {
      changed();
      cell?.model.contentChanged.connect(changed);
    });
  }
};

function hasPrompt(tracker: INotebookTracker): boolean {
  const model = tracker.activeCell?.model;
  return model ? findPrompt(model.sharedModel.getSource(), model.type) !== null : false;
}

async function run(
  assay: IAssay,
  tracker: INotebookTracker,
  instrument: Instrument,
  runs: Set<AbortController>,
  trans: TranslationBundle
): Promise<void> {
  const panel = tracker.currentWidget;
  if (!panel) {
    return;
  }
  const stop = new AbortController();
  runs.add(stop);
  const actions = [
    {
      label: trans.__('Stop'),
      callback: () => {
        stop.abort();
      }
    }
  ];
  const id = Notification.emit(trans.__('Asking …'), 'in-progress', { autoClose: false, actions });
  const asking = (model: string): void => {
    Notification.update({ id, message: trans.__('Asking %1 …', model), actions });
  };
  try {
    await runOnCell(panel, instrument, assay.api, stop.signal, asking);
    Notification.dismiss(id);
  } catch (error) {
    Notification.dismiss(id);
    if (stop.signal.aborted) {
      Notification.info(trans.__('Stopped, and the connection to the provider is closed.'), {
        autoClose: 4000
      });
    } else if (error instanceof NoPrompt) {
      Notification.info(trans.__('There is no prompt in this cell.'), { autoClose: 4000 });
    } else {
      Notification.error(sentence(error), { autoClose: false });
    }
  } finally {
    runs.delete(stop);
    void assay.refresh();
  }
}

function sentence(error: unknown): string {
  const hint = error instanceof AssayError && error.hint ? ` ${error.hint}` : '';
  return `${error instanceof Error ? error.message : String(error)}${hint}`;
}
