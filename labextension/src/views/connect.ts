import type { TranslationBundle } from '@jupyterlab/translation';
import type { KeyCheck, NewConnection, Preset } from '../api/facts';
import {
  firstBox,
  keyField,
  KeyPart,
  nameField,
  submit,
  textField,
  type CardOptions
} from './card';
import { fill, h, newId, withCode } from './dom';

/** The preset that the form begins with: it asks for the least, neither a key nor an address. */
const BEGINNING = 'ollama';

/**
 * The fold that holds the form for a new connection. The form is made once somebody opens it: a field that is
 * not there holds no key, and nothing is asked for it.
 */
export class ConnectFold extends KeyPart {
  readonly node: HTMLElement;
  private readonly summary: HTMLElement;
  private readonly fold: HTMLDetailsElement;
  private readonly body = h('div', {});
  private form: ConnectForm | null = null;

  constructor(options: CardOptions) {
    super(options);
    this.summary = h('summary', {}, options.trans.__('Connect another server'));
    this.summary.addEventListener('click', () => {
      this.load();
    });
    this.fold = h('details', { class: 'assay-details' }, this.summary, this.body);
    this.node = h('div', { class: 'assay-connect' }, this.fold, this.said);
  }

  /** Say something of a connection whose card is gone, and let a keyboard go on from here. */
  say(text: string): void {
    fill(this.said, text);
    this.summary.focus();
  }

  override forget(): void {
    this.form?.forget();
  }

  private load(): void {
    const { api, act, trans } = this.options;
    if (this.form) {
      return;
    }
    void act(async () => {
      const presets = await api.presets();
      this.form ??= new ConnectForm(presets, trans, (...made) => {
        this.connect(...made);
      });
      fill(this.body, this.form.node);
    });
  }

  private connect(name: string, key: string, made: NewConnection): void {
    const { api, workspace, trans } = this.options;
    const making = api.connect(workspace, name, key, made);
    this.run(async () => {
      const check = await making;
      this.form?.clear();
      this.fold.open = false;
      this.summary.focus();
      return trans.__('‘%1’ is connected. %2', name, this.told(name, check));
    });
  }

  private told(name: string, check: KeyCheck): string {
    const { trans } = this.options;
    const model = `${name}/${check.names[0] ?? 'MODEL'}`;
    const said =
      check.outcome === 'accepted' ? trans.__('The provider accepts its key.') : this.tell(check);
    return `${said} ${trans.__('A model of it: %1.', model)}`;
  }
}

/** A form for a new connection: a preset, a name, where it leads, its key. */
class ConnectForm {
  readonly node: HTMLFormElement;
  private readonly select: HTMLSelectElement;
  private readonly about = h('div', { class: 'assay-note' });
  private readonly parts = h('div', {});
  private readonly holes = new Map<string, HTMLInputElement>();
  private readonly name: HTMLInputElement;
  private readonly address: HTMLInputElement;
  private readonly key = h('div', {});
  private readonly field: HTMLInputElement;
  private readonly first: HTMLInputElement;

  constructor(
    private readonly presets: Preset[],
    private readonly trans: TranslationBundle,
    private readonly connect: (name: string, key: string, made: NewConnection) => void
  ) {
    const id = newId();
    const choices = presets.map(({ name, label }) =>
      h('option', { attributes: { value: name } }, label)
    );
    this.select = h('select', { attributes: { id, name: 'preset' } }, ...choices);
    this.select.value = presets.some(({ name }) => name === BEGINNING) ? BEGINNING : '';
    const [called, name] = nameField(trans.__('Name of the connection'), trans);
    const [where, address] = textField(trans.__('Address'), 'url');
    const [label, field] = keyField(trans.__('Key'), trans);
    const [first, box] = firstBox(trans);
    [this.name, this.address, this.field, this.first] = [name, address, field, box];
    this.key.append(label, field);
    this.node = h(
      'form',
      { attributes: { autocomplete: 'off' } },
      h('label', { class: 'assay-field', attributes: { for: id } }, trans.__('Server')),
      this.select,
      this.about,
      called,
      name,
      this.parts,
      where,
      address,
      this.key,
      first,
      h('div', { class: 'assay-actions' }, submit(trans.__('Connect'), 'assay-primary'))
    );
    this.select.addEventListener('change', () => {
      this.showPreset();
    });
    this.node.addEventListener('submit', event => {
      event.preventDefault();
      this.send();
    });
    this.showPreset();
  }

  /** Empty the field: a page that a browser keeps to come back to keeps what stands in it. */
  forget(): void {
    this.field.value = '';
  }

  private get chosen(): Preset | undefined {
    return this.presets.find(({ name }) => name === this.select.value);
  }

  /** Show the form as new. */
  clear(): void {
    this.name.value = '';
    this.showPreset();
  }

  /** Show the fields of the chosen preset. What was typed for another one is forgotten, but not a name. */
  private showPreset(): void {
    const { trans } = this;
    const preset = this.chosen;
    if (!preset) {
      return;
    }
    this.forget();
    if (!this.name.value || this.presets.some(({ name }) => name === this.name.value)) {
      this.name.value = preset.name;
    }
    this.address.value = '';
    this.address.placeholder = preset.endpoint || 'http://… or https://…';
    this.address.required = !preset.endpoint;
    this.key.hidden = preset.key === 'none';
    this.holes.clear();
    const fields = preset.parts.flatMap(part => {
      const [label, field] = textField(trans.__('Your %1', part), 'text');
      this.holes.set(part, field);
      return [label, field];
    });
    fill(this.parts, ...fields);
    fill(this.about, ...this.aboutOf(preset));
  }

  private aboutOf(preset: Preset): HTMLElement[] {
    const { trans } = this;
    const lines = [preset.to_begin];
    if (preset.keys_url) {
      lines.push(
        trans.__('Its keys are made at %1. They look like %2.', preset.keys_url, preset.looks_like)
      );
    } else if (preset.key === 'optional') {
      lines.push(trans.__('Leave the key out if the server needs none.'));
    }
    return [...lines, preset.caution].filter(Boolean).map(line => h('p', {}, ...withCode(line)));
  }

  private send(): void {
    const parts = Object.fromEntries(
      [...this.holes].map(([part, field]) => [part, field.value.trim()])
    );
    this.connect(this.name.value.trim(), this.field.value, {
      preset: this.select.value,
      parts,
      endpoint: this.address.value.trim() || null,
      check: this.first.checked
    });
    this.forget();
  }
}
