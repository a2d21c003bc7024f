import type { Key, Setup } from '../api/facts';
import { Card, keyField, submit, type CardOptions } from './card';
import { button, fill, h } from './dom';

export interface KeyCardOptions extends CardOptions {
  setup: Setup;
  /** The last step of getting a key where none is entered here, in the server's words. */
  last: string;
  /** Whether this is the provider to begin with. */
  fastest: boolean;
}

/** One provider: its key's state, how to get one, and a field for it. */
export class KeyCard extends Card<KeyCardOptions> {
  readonly node: HTMLElement;
  private readonly onStored: HTMLElement[] = [];

  constructor(options: KeyCardOptions) {
    super(options);
    const { setup, entry } = options;
    const parts = [
      h('h3', {}, setup.name),
      this.state,
      this.guide(),
      entry ? this.entry() : null,
      this.said
    ];
    this.node = h(
      'article',
      { class: 'assay-card', attributes: { 'data-provider': setup.provider } },
      ...parts
    );
  }

  get connection(): string {
    return this.options.setup.provider;
  }

  protected showFact(fact: Key): void {
    fill(this.state, ...this.describe(fact, fact.endpoint));
    for (const act of this.onStored) {
      act.hidden = fact.state === 'missing';
    }
  }

  private guide(): HTMLElement {
    const { setup, fastest, entry, last, trans } = this.options;
    const link = h(
      'a',
      { attributes: { target: '_blank', rel: 'noopener noreferrer' } },
      setup.key_url
    );
    if (setup.key_url.startsWith('https://')) {
      link.href = setup.key_url;
    }
    const steps = [
      h('li', {}, trans.__('Make a key at '), link),
      h(
        'li',
        {},
        trans.__('It looks like %1.', setup.looks_like),
        ' ',
        setup.cost,
        ' ',
        setup.note
      ),
      h(
        'li',
        {},
        entry
          ? trans.__('Paste it below and save: it is tested first, for free, and then sealed.')
          : last
      )
    ];
    const title = fastest ? trans.__('Get a key (the fastest start)') : trans.__('Get a key');
    return h('details', { class: 'assay-details' }, h('summary', {}, title), h('ol', {}, ...steps));
  }

  private entry(): HTMLElement {
    const { setup, trans } = this.options;
    const [label, field] = keyField(trans.__('%1 key', setup.name), trans);
    const endpoint = h('input', {
      attributes: {
        type: 'url',
        'aria-label': trans.__('Base URL'),
        placeholder: 'https://…',
        autocomplete: 'off'
      }
    });
    this.onStored.push(
      button(trans.__('Test'), () => {
        this.test();
      }),
      button(trans.__('Remove'), () => {
        this.run(() => this.removed());
      })
    );
    const form = h(
      'form',
      { attributes: { autocomplete: 'off' } },
      label,
      field,
      h(
        'details',
        { class: 'assay-details' },
        h('summary', {}, trans.__('Another server')),
        h('p', { class: 'assay-note' }, trans.__('A server of your own may need no key.')),
        endpoint
      ),
      h(
        'div',
        { class: 'assay-actions' },
        submit(trans.__('Save'), 'assay-primary'),
        ...this.onStored
      )
    );
    form.addEventListener('submit', event => {
      event.preventDefault();
      this.save(form, field, endpoint.value.trim() || null);
    });
    this.forms.push(form);
    return form;
  }

  private save(form: HTMLFormElement, field: HTMLInputElement, address: string | null): void {
    const { api, workspace, setup, trans } = this.options;
    const saving =
      field.value || address ? api.setKey(workspace, setup.provider, field.value, address) : null;
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
}
