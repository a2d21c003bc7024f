import type { TranslationBundle } from '@jupyterlab/translation';
import type { Key, KeyCheck, Status } from '../api/facts';
import type { Api } from '../api/request';
import { badge, fill, h, newId } from './dom';

/** What every card and form for keys is given. */
export interface CardOptions {
  workspace: string;
  /** Whether a key may be entered here; on a hub it may not. */
  entry: boolean;
  api: Pick<
    Api,
    'setKey' | 'replaceKey' | 'connect' | 'presets' | 'renameConnection' | 'testKey' | 'removeKey'
  >;
  changed(): Promise<void>;
  act(what: () => Promise<void>): Promise<void>;
  trans: TranslationBundle;
}

/**
 * A part of the page in which a key may be typed.
 *
 * The key stands in the password field until it is sent, and in the body of one request. It is in no
 * variable that outlives the click, no state, no setting and no log.
 */
export abstract class KeyPart<O extends CardOptions = CardOptions> {
  abstract readonly node: HTMLElement;
  protected readonly said = h('p', { class: 'assay-news', attributes: { role: 'status' } });
  protected readonly forms: HTMLFormElement[] = [];

  constructor(protected readonly options: O) {}

  /** Empty the fields: a page that a browser keeps to come back to keeps what stands in them. */
  forget(): void {
    for (const form of this.forms) {
      form.reset();
    }
  }

  /** Do something, say that it is on its way, and what came of it. */
  protected run(what: () => Promise<string>): void {
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

  protected tell(check: KeyCheck): string {
    const { trans } = this.options;
    return check.outcome === 'accepted'
      ? trans.__('The provider accepts it.')
      : check.detail || trans.__('It was not tested.');
  }
}

/** What is known of a connection's key. */
export abstract class Card<O extends CardOptions = CardOptions> extends KeyPart<O> {
  protected readonly state = h('p', { class: 'assay-keystate' });

  /** The connection's name. */
  abstract readonly connection: string;

  /** Show what is true now. */
  show(status: Status): void {
    const fact = status.keys.find(({ connection }) => connection === this.connection);
    if (fact) {
      this.showFact(fact);
    }
  }

  protected abstract showFact(fact: Key): void;

  protected test(): void {
    const { api, workspace } = this.options;
    this.run(async () => this.tell(await api.testKey(workspace, this.connection)));
  }

  /** Remove the key and return what is to be said of it. */
  protected async removed(): Promise<string> {
    const { api, workspace, trans } = this.options;
    const { revoke_url } = await api.removeKey(workspace, this.connection);
    return revoke_url
      ? trans.__('Removed. Only revoking it at the provider ends it: %1', revoke_url)
      : trans.__('Removed.');
  }

  /** Return what may be known of a key as one line. */
  protected describe(fact: Key, ...more: string[]): (Node | string)[] {
    const { trans } = this.options;
    const parts =
      fact.state === 'missing'
        ? []
        : [
            fact.last4 && trans.__('ends in %1', fact.last4),
            !fact.keyless && (fact.verified ? trans.__('tested') : trans.__('not tested')),
            trans.__('added by %1', fact.added_by),
            ...more
          ].filter(Boolean);
    return [badge(fact.word, fact.tone), parts.length ? ` ${parts.join(' · ')}` : ''];
  }
}

/** Return a field for a key, and its label. */
export function keyField(label: string, trans: TranslationBundle): [HTMLElement, HTMLInputElement] {
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
  return [h('label', { class: 'assay-field', attributes: { for: id } }, label), field];
}

/** Return a field for a name or an address, and its label. */
export function textField(label: string, type: 'text' | 'url'): [HTMLElement, HTMLInputElement] {
  const id = newId();
  const field = h('input', {
    attributes: { type, id, autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false' }
  });
  return [h('label', { class: 'assay-field', attributes: { for: id } }, label), field];
}

/**
 * Return a field for a connection's name, and its label. What cannot be one is not sent: a name is a part of an
 * address, which servers log, and a key that was pasted into the wrong field is none.
 */
export function nameField(
  label: string,
  trans: TranslationBundle
): [HTMLElement, HTMLInputElement] {
  const [shown, field] = textField(label, 'text');
  field.required = true;
  field.maxLength = 32;
  field.pattern = '[a-z0-9][a-z0-9._\\-]*';
  field.title = trans.__('Lower-case letters, digits, dots, hyphens and underscores');
  return [shown, field];
}

/** Return the box that says whether a key is tested before it is stored. */
export function firstBox(trans: TranslationBundle): [HTMLElement, HTMLInputElement] {
  const box = h('input', { attributes: { type: 'checkbox', checked: '' } });
  return [h('label', { class: 'assay-tick' }, box, ' ', trans.__('Test first')), box];
}

/** Return the button that sends a form. */
export function submit(text: string, kind = ''): HTMLButtonElement {
  const attributes = { type: 'submit' };
  return h('button', { class: `assay-button ${kind}`.trim(), attributes }, text);
}
