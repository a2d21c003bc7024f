import type { JupyterFrontEndPlugin } from '@jupyterlab/application';

/** Owns the settings' schema: what the editor and the guard do, and the cell toolbar's buttons. */
export const settings: JupyterFrontEndPlugin<void> = {
  id: 'assay-nb:plugin',
  description: 'The settings of assay_nb. None of them is a secret.',
  autoStart: true,
  activate: () => undefined
};
