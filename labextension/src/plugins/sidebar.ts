import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, InputDialog, Notification } from '@jupyterlab/apputils';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { assayIcon } from '../icon';
import { IAssay } from '../tokens';
import { Sidebar } from '../views/sidebar';
import { COMMANDS } from './names';

/** Workspaces, keys, model, budget and calls at the side. */
export const sidebar: JupyterFrontEndPlugin<void> = {
  id: 'assay-nb:sidebar',
  description: 'Workspaces, keys, model, demo budget and calls.',
  autoStart: true,
  requires: [IAssay],
  optional: [ICommandPalette, ITranslator],
  activate: (
    app,
    assay: IAssay,
    palette: ICommandPalette | null,
    translator: ITranslator | null
  ) => {
    const trans = (translator ?? nullTranslator).load('assay_nb');
    const panel = new Sidebar(assay, trans);
    panel.id = 'assay-nb:sidebar';
    panel.title.icon = assayIcon;
    panel.title.caption = trans.__('Prompts: workspace, keys, model, calls');
    app.shell.add(panel, 'right', { rank: 800 });
    app.commands.addCommand(COMMANDS.openSidebar, {
      label: trans.__('Show workspace, keys and model'),
      describedBy: { args: { type: 'object', properties: {} } },
      execute: () => {
        app.shell.activateById(panel.id);
      }
    });
    app.commands.addCommand(COMMANDS.switchWorkspace, {
      label: trans.__('Switch workspace…'),
      describedBy: { args: { type: 'object', properties: {} } },
      execute: () => switchWorkspace(assay, trans.__('Work in which workspace?'))
    });
    for (const command of [COMMANDS.openSidebar, COMMANDS.switchWorkspace]) {
      palette?.addItem({ command, category: trans.__('Prompts') });
    }
  }
};

async function switchWorkspace(assay: IAssay, title: string): Promise<void> {
  try {
    const facts = await assay.api.workspaces();
    const items = facts.map(fact => fact.name);
    const current = facts.findIndex(fact => fact.active);
    const { value } = await InputDialog.getItem({ title, items, current: Math.max(0, current) });
    const wanted = facts.find(fact => fact.name === value);
    if (wanted) {
      await assay.api.useWorkspace(wanted.id);
      await assay.refresh();
    }
  } catch (error) {
    Notification.error(error instanceof Error ? error.message : String(error));
  }
}
