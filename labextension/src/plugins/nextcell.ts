import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import { INotebookTracker, type NotebookPanel } from '@jupyterlab/notebook';
import type { Kernel } from '@jupyterlab/services';

/** How a panel in a kernel asks for it; the kernel's side is in `panels/review.py`. */
const TARGET = 'assay_nb.next_cell';

/** Puts a text into the next cell for a widget's click, which has no reply that could do it. */
export const nextCell: JupyterFrontEndPlugin<void> = {
  id: 'assay-nb:next-cell',
  description: 'Puts the prompt that a review ends with into the next cell.',
  autoStart: true,
  requires: [INotebookTracker],
  activate: (_app, tracker: INotebookTracker) => {
    tracker.widgetAdded.connect((_, panel) => {
      const { sessionContext } = panel;
      const listen = (kernel: Kernel.IKernelConnection | null | undefined): void => {
        if (kernel?.handleComms) {
          listenTo(kernel, panel);
        }
      };
      sessionContext.kernelChanged.connect((_, { newValue }) => {
        listen(newValue);
      });
      listen(sessionContext.session?.kernel);
    });
  }
};

function listenTo(kernel: Kernel.IKernelConnection, panel: NotebookPanel): void {
  kernel.registerCommTarget(TARGET, (comm, message) => {
    const { source } = message.content.data;
    const asker = 'session' in message.parent_header ? message.parent_header.session : null;
    // Every page on this kernel hears it; the one where somebody clicked does it.
    if (asker === kernel.clientId && typeof source === 'string') {
      insertBelow(panel, source);
      comm.send({ inserted: true });
    }
  });
}

function insertBelow(panel: NotebookPanel, source: string): void {
  const { content } = panel;
  const clicked = content.widgets.findIndex(cell => cell.node.contains(document.activeElement));
  const index = clicked < 0 ? content.activeCellIndex : clicked;
  content.model?.sharedModel.insertCell(index + 1, { cell_type: 'code', source, metadata: {} });
}
