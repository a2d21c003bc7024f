import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IStatusBar } from '@jupyterlab/statusbar';
import { ITranslator, nullTranslator, type TranslationBundle } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';
import { IAssay } from '../tokens';
import { fill, h } from '../views/dom';
import { describe } from '../views/standing';
import { COMMANDS } from './names';

/** Active workspace, model and key state; a click switches. */
export const statusbar: JupyterFrontEndPlugin<void> = {
  id: 'assay-nb:statusbar',
  description: 'Shows the active workspace, its model and whether it has a key.',
  autoStart: true,
  requires: [IAssay],
  optional: [IStatusBar, ITranslator],
  activate: (app, assay: IAssay, bar: IStatusBar | null, translator: ITranslator | null) => {
    const trans = (translator ?? nullTranslator).load('assay_nb');
    const item = new StatusItem(assay, trans, () => {
      void app.commands.execute(COMMANDS.switchWorkspace);
    });
    bar?.registerStatusItem('assay-nb:status', { item, align: 'left', rank: 900 });
  }
};

class StatusItem extends Widget {
  private readonly button: HTMLButtonElement;

  constructor(
    private readonly assay: IAssay,
    private readonly trans: TranslationBundle,
    click: () => void
  ) {
    super();
    this.addClass('assay-status');
    this.button = h('button', { attributes: { type: 'button' }, click });
    this.node.append(this.button);
    assay.changed.connect(this.update_, this);
    this.update_();
  }

  override dispose(): void {
    this.assay.changed.disconnect(this.update_, this);
    super.dispose();
  }

  private update_(): void {
    const { status, trouble } = this.assay;
    const text = status
      ? describe(status, this.trans)
      : trouble
        ? this.trans.__('assay: not available')
        : this.trans.__('assay: …');
    fill(this.button, text);
    this.button.title = trouble ?? this.trans.__('Switch workspace');
  }
}
