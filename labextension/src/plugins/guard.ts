import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Dialog, showDialog } from '@jupyterlab/apputils';
import { INotebookTracker, type NotebookPanel } from '@jupyterlab/notebook';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ITranslator, nullTranslator, type TranslationBundle } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';
import type { Hit } from '../api/facts';
import { clearHits, collectTexts, type Part } from '../guard/parts';
import { IAssay } from '../tokens';
import { h } from '../views/dom';
import { SETTINGS } from './names';

/** Warns before a notebook is saved with something shaped like a provider key in it. */
export const guard: JupyterFrontEndPlugin<void> = {
  id: 'assay-nb:guard',
  description: 'Warns before a key is saved in a notebook.',
  autoStart: true,
  requires: [IAssay, INotebookTracker],
  optional: [ISettingRegistry, ITranslator],
  activate: (
    _app,
    assay: IAssay,
    tracker: INotebookTracker,
    settings: ISettingRegistry | null,
    translator: ITranslator | null
  ) => {
    const trans = (translator ?? nullTranslator).load('assay_nb');
    let on = true;
    void settings?.load(SETTINGS).then(loaded => {
      const read = (): void => {
        on = loaded.get('guardSaving').composite !== false;
      };
      loaded.changed.connect(read);
      read();
    });
    tracker.widgetAdded.connect((_, panel) => {
      new Guard(
        panel,
        texts => assay.api.scan(texts),
        () => on,
        trans
      ).stand();
    });
  }
};

class Guard {
  private asking = false;
  private allowed = '';

  constructor(
    private readonly panel: NotebookPanel,
    private readonly scan: (texts: string[]) => Promise<Hit[]>,
    private readonly isOn: () => boolean,
    private readonly trans: TranslationBundle
  ) {}

  /** Stand before the document's own `save`, which the menu, the shortcut and autosave all call. */
  stand(): void {
    const { context } = this.panel;
    const save = context.save.bind(context);
    context.save = async () => {
      if (!this.asking && (await this.mayPass())) {
        await save();
      }
    };
  }

  private async mayPass(): Promise<boolean> {
    const parts = this.isOn() ? collectTexts(this.panel.content.model) : [];
    let hits: Hit[] = [];
    try {
      hits = parts.length ? await this.scan(parts.map(part => part.text)) : [];
    } catch {
      // No answer is no reason to lose work.
    }
    const stamp = hits.map(hit => `${parts[hit.index]?.name ?? ''}:${hit.label}`).join('\n');
    if (!hits.length || stamp === this.allowed) {
      return true;
    }
    this.asking = true;
    try {
      return await this.ask(parts, hits, stamp);
    } finally {
      this.asking = false;
    }
  }

  private async ask(parts: Part[], hits: Hit[], stamp: string): Promise<boolean> {
    const { trans } = this;
    const clear = Dialog.okButton({ label: trans.__('Clear and save') });
    const anyway = Dialog.warnButton({ label: trans.__('Save as it is') });
    const { button } = await showDialog({
      title: trans.__('This notebook holds something shaped like a key'),
      body: new Warning(parts, hits, trans),
      buttons: [Dialog.cancelButton({ label: trans.__('Do not save') }), anyway, clear],
      defaultButton: 2
    });
    if (button.label === clear.label) {
      clearHits(parts, hits);
      return true;
    }
    if (button.label === anyway.label) {
      this.allowed = stamp;
      return true;
    }
    return false;
  }
}

class Warning extends Widget {
  constructor(parts: Part[], hits: Hit[], trans: TranslationBundle) {
    super();
    this.addClass('assay-alert');
    const places = new Set(hits.map(hit => `${describe(parts[hit.index], trans)}: ${hit.label}`));
    this.node.append(
      h('ul', {}, ...[...places].map(place => h('li', {}, place))),
      h(
        'p',
        {},
        trans.__(
          'Who gets the file gets the key. Clearing takes it out of the notebook; a key that stood here may be known already, so revoke it at its provider and make a new one.'
        )
      )
    );
  }
}

function describe(part: Part | undefined, trans: TranslationBundle): string {
  if (!part) {
    return '';
  }
  const place = {
    source: trans.__('source'),
    output: trans.__('output'),
    metadata: trans.__('metadata')
  }[part.place];
  return part.cell === null
    ? trans.__('The notebook’s metadata')
    : trans.__('Cell %1, %2', part.cell + 1, place);
}
