import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Dialog, Notification, showDialog } from '@jupyterlab/apputils';
import { PathExt } from '@jupyterlab/coreutils';
import type { DocumentRegistry } from '@jupyterlab/docregistry';
import { INotebookTracker, type INotebookModel, type NotebookPanel } from '@jupyterlab/notebook';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ITranslator, nullTranslator, type TranslationBundle } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';
import { sentence } from '../api/errors';
import { Gate, type Answer, type Find } from '../guard/gate';
import { collectTexts, type Part } from '../guard/parts';
import { IAssay } from '../tokens';
import { h } from '../views/dom';
import { SETTINGS } from './names';

type Context = DocumentRegistry.IContext<INotebookModel>;

/** Warns before a notebook is saved with something shaped like a key, a token or a password in it. */
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
    // Views of one notebook share its context, and with it the gate: one save is one question.
    const gates = new WeakSet<Context>();
    const watch = ({ context }: NotebookPanel): void => {
      if (gates.has(context)) {
        return;
      }
      gates.add(context);
      const gate = new Gate(context, {
        collect: () => (on ? collectTexts(context.model) : []),
        scan: texts => assay.api.scan(texts),
        ask: found => ask(context, found, trans),
        unchecked: error => {
          warn(
            context,
            trans.__(
              '%1 was not checked for keys before saving: %2',
              nameOf(context),
              sentence(error)
            )
          );
        }
      });
      context.disposed.connect(gate.stand());
    };
    tracker.forEach(watch);
    tracker.widgetAdded.connect((_, panel) => {
      watch(panel);
    });
  }
};

async function ask(
  context: Context,
  found: readonly Find[],
  trans: TranslationBundle
): Promise<Answer> {
  const clear = Dialog.okButton({ label: trans.__('Clear and save') });
  const keep = Dialog.warnButton({ label: trans.__('Save as it is') });
  const { button } = await showDialog({
    title: trans.__('%1 holds something shaped like a secret', nameOf(context)),
    body: new Places(found, trans),
    buttons: [Dialog.cancelButton({ label: trans.__('Do not save') }), keep, clear],
    defaultButton: 2
  });
  if (button.label === clear.label) {
    return 'clear';
  }
  if (button.label === keep.label) {
    return 'keep';
  }
  warn(context, trans.__('Not saved: %1 holds something shaped like a secret.', nameOf(context)));
  return 'refuse';
}

/** The latest notice about each notebook: autosave comes again, and one of them is enough. */
const notices = new WeakMap<Context, string>();

function warn(context: Context, text: string): void {
  const before = notices.get(context);
  if (before) {
    Notification.dismiss(before);
  }
  notices.set(context, Notification.warning(text, { autoClose: 8000 }));
}

function nameOf({ path }: Context): string {
  return PathExt.basename(path);
}

/** The dialog's body: where something was found, and what to do about it. */
class Places extends Widget {
  constructor(found: readonly Find[], trans: TranslationBundle) {
    super();
    this.addClass('assay-alert');
    const places = new Set(found.map(({ part, hit }) => `${describe(part, trans)}: ${hit.label}`));
    this.node.append(
      h('ul', {}, ...[...places].map(place => h('li', {}, place))),
      h(
        'p',
        {},
        trans.__(
          'Anyone who gets the file can read it. Clearing takes it out of the notebook. Somebody may have seen it already: revoke a key where it was made, and change a password.'
        )
      )
    );
  }
}

function describe(part: Part, trans: TranslationBundle): string {
  const place = {
    source: trans.__('source'),
    output: trans.__('output'),
    metadata: trans.__('metadata')
  }[part.place];
  return part.cell === null
    ? trans.__('The notebook’s metadata')
    : trans.__('Cell %1, %2', part.cell + 1, place);
}
