import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import { EditorExtensionRegistry, IEditorExtensionRegistry } from '@jupyterlab/codemirror';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { Signal } from '@lumino/signaling';
import { promptMarks, type Marking } from '../editor/marks';
import { IAssay } from '../tokens';
import { SETTINGS } from './names';

/** Variables and lint findings, marked in prompt cells as one types. */
export const editor: JupyterFrontEndPlugin<void> = {
  id: 'assay-nb:editor',
  description: 'Marks variables and lint findings in prompt cells.',
  autoStart: true,
  requires: [IAssay, IEditorExtensionRegistry],
  optional: [ISettingRegistry],
  activate: (
    _app,
    assay: IAssay,
    registry: IEditorExtensionRegistry,
    settings: ISettingRegistry | null
  ) => {
    let marking: Marking = { on: true, hints: false };
    const changed = new Signal<object, void>({});
    void settings?.load(SETTINGS).then(loaded => {
      const read = (): void => {
        marking = {
          on: loaded.get('lintAsYouType').composite !== false,
          hints: loaded.get('lintHints').composite === true
        };
        changed.emit();
      };
      loaded.changed.connect(read);
      read();
    });
    const lint = promptMarks(
      text => assay.api.lint(text),
      () => marking,
      changed
    );
    registry.addExtension({
      name: 'assay-nb:marks',
      factory: ({ inline }) =>
        inline ? EditorExtensionRegistry.createImmutableExtension(lint) : null
    });
  }
};
