import type { Key } from '../api/facts';
import { Card, firstBox, keyField, nameField, submit, textField, type CardOptions } from './card';
import { button, fill, h } from './dom';

export interface ConnectionCardOptions extends CardOptions {
  /** Its name. */
  connection: string;
  /** Say something after which this card is gone: the connection is removed, or has another name. */
  left(text: string): void;
}

/** A connection that somebody has named: where it leads, its key's state, and changing it. */
export class ConnectionCard extends Card<ConnectionCardOptions> {
  readonly node: HTMLElement;
  private readonly leads = h('p', { class: 'assay-note' });

  constructor(options: ConnectionCardOptions) {
    super(options);
    const { connection, entry } = options;
    this.node = h(
      'article',
      {
        class: 'assay-card',
        attributes: { 'data-connection': connection, 'aria-label': connection }
      },
      h('h3', {}, connection),
      this.state,
      this.leads,
      ...(entry ? this.changes() : []),
      this.said
    );
  }

  get connection(): string {
    return this.options.connection;
  }

  protected showFact(fact: Key): void {
    const { trans } = this.options;
    const whose = fact.label ? `${fact.label} · ` : '';
    fill(this.state, ...this.describe(fact));
    fill(
      this.leads,
      trans.__('%1%2 at ', whose, fact.speaks),
      h('code', {}, fact.endpoint),
      trans.__('. Its models are named '),
      h('code', {}, `${fact.connection}/MODEL`),
      '.'
    );
  }

  private changes(): HTMLElement[] {
    const { trans, left } = this.options;
    const acts = h(
      'div',
      { class: 'assay-actions' },
      button(trans.__('Test'), () => {
        this.test();
      }),
      button(trans.__('Remove'), () => {
        this.leave(async () => {
          left(await this.removed());
        });
      })
    );
    return [acts, this.replacing(), this.renaming()];
  }

  private replacing(): HTMLElement {
    const { trans } = this.options;
    const [label, field] = keyField(trans.__('Key'), trans);
    const [where, address] = textField(trans.__('Address'), 'url');
    const [first, box] = firstBox(trans);
    address.placeholder = trans.__('as it is');
    const save = submit(trans.__('Save'), 'assay-primary');
    const line = h('div', { class: 'assay-actions' }, save);
    const form = this.form(label, field, where, address, first, line);
    form.addEventListener('submit', event => {
      event.preventDefault();
      this.save(form, field, address.value.trim() || null, box.checked);
    });
    return fold(trans.__('Replace the key or the address'), form);
  }

  private save(
    form: HTMLFormElement,
    field: HTMLInputElement,
    address: string | null,
    check: boolean
  ): void {
    const { api, workspace, connection, trans } = this.options;
    const saving =
      field.value || address
        ? api.replaceKey(workspace, connection, field.value, address, check)
        : null;
    field.value = '';
    if (saving) {
      this.run(async () => {
        const check = await saving;
        form.reset(); // only now: an address that was refused is there to be corrected
        return this.tell(check);
      });
    } else {
      fill(this.said, trans.__('There is no key in the field.'));
    }
  }

  private renaming(): HTMLElement {
    const { api, workspace, connection, trans, left } = this.options;
    const [label, name] = nameField(trans.__('New name'), trans);
    const line = h('div', { class: 'assay-actions' }, submit(trans.__('Rename')));
    const form = this.form(label, name, line);
    form.addEventListener('submit', event => {
      event.preventDefault();
      const wanted = name.value.trim();
      this.leave(async () => {
        await api.renameConnection(workspace, connection, wanted);
        left(trans.__('‘%1’ is now ‘%2’.', connection, wanted));
      });
    });
    return fold(trans.__('Rename the connection'), form);
  }

  private form(...children: HTMLElement[]): HTMLFormElement {
    const form = h('form', { attributes: { autocomplete: 'off' } }, ...children);
    this.forms.push(form);
    return form;
  }

  /** Do something after which this card is gone. */
  private leave(what: () => Promise<void>): void {
    this.run(async () => {
      await what();
      return '';
    });
  }
}

function fold(title: string, ...children: HTMLElement[]): HTMLElement {
  return h('details', { class: 'assay-details' }, h('summary', {}, title), ...children);
}
