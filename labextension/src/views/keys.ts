import type { TranslationBundle } from '@jupyterlab/translation';
import type { Key, KeyCheck, Setup, Status } from '../api/facts';
import type { Api } from '../api/request';
import { badge, button, fill, h, newId, type Tone } from './dom';

export interface KeyCardOptions {
  setup: Setup;
  workspace: string;
  /** Whether this is the provider to begin with. */
  fastest: boolean;
  /** Whether a key may be entered here; on a hub it may not. */
  entry: boolean;
  api: Pick<Api, 'setKey' | 'testKey' | 'removeKey'>;
  changed(): Promise<void>;
  act(what: () => Promise<void>): Promise<void>;
  trans: TranslationBundle;
}

/**
 * One provider: its key's state, how to get one, and a field for it.
 *
 * The key stands in the password field until it is saved, and in the body of one request. It is in no
 * variable that outlives the click, no state, no setting and no log.
 */
export class KeyCard {
  readonly node: HTMLElement;
  private readonly state = h('p', { class: 'assay-keystate' });
  private readonly onStored: HTMLElement[] = [];
  private form: HTMLFormElement | null = null;
  private readonly said = h('p', { class: 'assay-news', attributes: { role: 'status' } });

  constructor(private readonly options: KeyCardOptions) {
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

  /** Show what is true now. */
  show(status: Status): void {
    const fact = status.keys.find(({ provider }) => provider === this.options.setup.provider);
    if (fact) {
      fill(this.state, ...this.describe(fact));
      for (const act of this.onStored) {
        act.hidden = fact.state === 'missing';
      }
    }
  }

  /** Empty the fields: a page that a browser keeps to come back to keeps what stands in them. */
  forget(): void {
    this.form?.reset();
  }

  private describe(fact: Key): (Node | string)[] {
    const { trans } = this.options;
    const states: Record<Key['state'], [string, Tone]> = {
      ready: [trans.__('ready'), 'good'],
      unreadable: [trans.__('cannot be opened'), 'bad'],
      sealed: [trans.__('sealed'), 'warning'],
      missing: [trans.__('none yet'), 'neutral']
    };
    const [word, tone] = states[fact.state];
    const more =
      fact.state === 'missing'
        ? []
        : [
            ...this.describeValue(fact),
            trans.__('added by %1', fact.added_by),
            fact.endpoint
          ].filter(Boolean);
    return [badge(word, tone), more.length ? ` ${more.join(' · ')}` : ''];
  }

  private describeValue(fact: Key): string[] {
    const { trans } = this.options;
    if (fact.placement === 'none') {
      return [trans.__('no key needed')];
    }
    return [
      fact.last4 && trans.__('ends in %1', fact.last4),
      fact.verified ? trans.__('tested') : trans.__('not tested')
    ];
  }

  private guide(): HTMLElement {
    const { setup, fastest, entry, trans } = this.options;
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
          : trans.__('An owner or admin stores it on the key page: it is tested first, for free.')
      )
    ];
    const title = fastest ? trans.__('Get a key (the fastest start)') : trans.__('Get a key');
    return h('details', { class: 'assay-details' }, h('summary', {}, title), h('ol', {}, ...steps));
  }

  private entry(): HTMLElement {
    const { setup, trans, api, workspace } = this.options;
    const id = newId();
    const field = h('input', {
      attributes: {
        type: 'password',
        id,
        autocomplete: 'off',
        autocapitalize: 'none',
        spellcheck: 'false',
        // Managers of passwords, which do not heed the first of these: this is none for them.
        'data-1p-ignore': '',
        'data-bwignore': '',
        'data-lpignore': 'true',
        placeholder: trans.__('paste it here')
      }
    });
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
        this.remove();
      })
    );
    const form = h(
      'form',
      { attributes: { autocomplete: 'off' } },
      h('label', { class: 'assay-field', attributes: { for: id } }, trans.__('%1 key', setup.name)),
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
        h(
          'button',
          { class: 'assay-button assay-primary', attributes: { type: 'submit' } },
          trans.__('Save')
        ),
        ...this.onStored
      )
    );
    form.addEventListener('submit', event => {
      event.preventDefault();
      const address = endpoint.value.trim() || null;
      const saving =
        field.value || address ? api.setKey(workspace, setup.provider, field.value, address) : null;
      field.value = '';
      form.reset();
      if (saving) {
        this.run(async () => this.tell(await saving));
      } else {
        fill(this.said, trans.__('There is no key in the field.'));
      }
    });
    this.form = form;
    return form;
  }

  private test(): void {
    const { api, workspace, setup } = this.options;
    this.run(async () => this.tell(await api.testKey(workspace, setup.provider)));
  }

  private remove(): void {
    const { api, workspace, setup, trans } = this.options;
    this.run(async () => {
      const { revoke_url } = await api.removeKey(workspace, setup.provider);
      return revoke_url
        ? trans.__('Removed. Only revoking it at the provider ends it: %1', revoke_url)
        : trans.__('Removed.');
    });
  }

  private tell(check: KeyCheck): string {
    const { trans } = this.options;
    return check.outcome === 'accepted'
      ? trans.__('The provider accepts it.')
      : check.detail || trans.__('It was not tested.');
  }

  private run(what: () => Promise<string>): void {
    const { act, changed, trans } = this.options;
    fill(this.said, trans.__('Working …'));
    let text = '';
    void act(async () => {
      text = await what();
      await changed();
    }).finally(() => {
      fill(this.said, text);
    });
  }
}
