import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ITranslator, nullTranslator, type TranslationBundle } from '@jupyterlab/translation';
import { findPrompt } from '../cells/prompt';
import { Runs, type Work } from '../cells/runs';
import { Sides } from '../cells/side';
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
    const runs = new Runs(assay, new Sides(app.shell), trans);
    const category = trans.__('Prompts');
    for (const work of worksOf(trans)) {
      const command = COMMANDS[work.instrument];
      app.commands.addCommand(command, {
        label: args => (args.isPalette ? work.caption : work.label),
        caption: work.caption,
        describedBy: { args: { type: 'object', properties: {} } },
        isVisible: () => hasPrompt(tracker),
        isEnabled: () => hasPrompt(tracker),
        execute: () => tracker.currentWidget && runs.run(tracker.currentWidget, work)
      });
      palette?.addItem({ command, category, args: { isPalette: true } });
    }
    app.commands.addCommand(COMMANDS.stop, {
      label: trans.__('Stop asking'),
      describedBy: { args: { type: 'object', properties: {} } },
      isEnabled: () => runs.any,
      execute: () => {
        runs.stopAll();
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

function worksOf(trans: TranslationBundle): Work[] {
  return [
    {
      instrument: 'critique',
      label: trans.__('Critique'),
      caption: trans.__('Critique the prompt in this cell'),
      title: number => trans.__('Critique of cell %1', number)
    },
    {
      instrument: 'improve',
      label: trans.__('Improve'),
      caption: trans.__('Improve the prompt in this cell'),
      title: number => trans.__('Improvement of cell %1', number)
    },
    {
      instrument: 'rewrite',
      label: trans.__('Rewrite'),
      caption: trans.__('Rewrite the prompt in this cell'),
      title: number => trans.__('Rewrite of cell %1', number)
    }
  ];
}

function hasPrompt(tracker: INotebookTracker): boolean {
  const model = tracker.activeCell?.model;
  return model ? findPrompt(model.sharedModel.getSource(), model.type) !== null : false;
}
