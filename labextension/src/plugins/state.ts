import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Api } from '../api/request';
import { Assay } from '../assay';
import { IAssay } from '../tokens';

/** Where one stands, shared by all parts. */
export const state: JupyterFrontEndPlugin<IAssay> = {
  id: 'assay-nb:state',
  description: 'Asks the server extension where one stands.',
  autoStart: true,
  provides: IAssay,
  activate: app => {
    const assay = new Assay(new Api(app.serviceManager.serverSettings));
    void app.restored.then(() => assay.refresh());
    return assay;
  }
};
