import type { TranslationBundle } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';
import type { Bar, Call, Member, Status, Usage, Workspace } from '../api/facts';
import { sentence } from '../api/errors';
import type { IAssay } from '../tokens';
import { button, fill, h, newId, withCode } from './dom';
import { notice } from './parts';
import { isNamed, KeySection } from './keysection';
import { activeOf, hasConnection } from './standing';

/** What stands at the side: workspace and members, keys, model, demo budget, calls. */
export class Sidebar extends Widget {
  private readonly news = h('p', { class: 'assay-news', attributes: { role: 'status' } });
  private readonly body = h('div', {});
  private keys: KeySection | null = null;
  private listed: string[] = [];
  private shownFor = '';

  constructor(
    private readonly assay: IAssay,
    private readonly trans: TranslationBundle
  ) {
    super();
    this.addClass('assay-sidebar');
    this.node.setAttribute('data-lm-suppress-shortcuts', 'true');
    this.node.setAttribute('role', 'region');
    this.node.tabIndex = -1; // who opens it from the palette goes on from here with Tab
    this.node.setAttribute('aria-label', trans.__('Prompts: workspace, keys, model, calls'));
    this.node.append(this.body, this.news);
    assay.changed.connect(this.redraw, this);
    window.addEventListener('pagehide', this.forget);
  }

  override dispose(): void {
    window.removeEventListener('pagehide', this.forget);
    this.assay.changed.disconnect(this.redraw, this);
    super.dispose();
  }

  protected override onActivateRequest(): void {
    if (!this.node.contains(document.activeElement)) {
      this.node.focus();
    }
  }

  protected override onAfterShow(): void {
    void this.assay.refresh();
  }

  private readonly forget = (): void => {
    this.keys?.forget();
  };

  private redraw(): void {
    if (this.isVisible) {
      void this.draw();
    }
  }

  private async draw(): Promise<void> {
    const { status, trouble, api } = this.assay;
    if (!status) {
      fill(this.body, h('p', {}, trouble ?? this.trans.__('Asking …')));
      return;
    }
    await this.act(async () => {
      const active = activeOf(status);
      const [workspaces, members, calls, usage, models] = await Promise.all([
        api.workspaces(),
        active ? api.members(active.id) : [],
        active ? api.calls(active.id) : [],
        active ? api.usage(active.id) : null,
        api.models()
      ]);
      this.fillIn(status, workspaces, members, calls, usage, models);
    });
  }

  private fillIn(
    status: Status,
    workspaces: Workspace[],
    members: Member[],
    calls: Call[],
    usage: Usage | null,
    models: string[]
  ): void {
    const { trans } = this;
    const active = activeOf(status);
    if (this.shownFor !== active?.id || !this.keys) {
      // New cards have empty fields: a key typed for one workspace is not saved in another.
      this.keys = active ? this.makeKeys(status, active.id) : null;
      this.listed = [];
      this.shownFor = active?.id ?? '';
    }
    const restoreFocus = keepFocus(this.body);
    this.keys?.show(status);
    fill(
      this.body,
      this.section(trans.__('Workspace'), ...this.workspace(active, workspaces, members)),
      active && this.section(trans.__('Keys'), ...this.keyway(status), this.keys && this.keys.node),
      active && this.section(trans.__('Model'), ...this.model(status, active, models)),
      this.section(trans.__('Demo calls'), this.budget(status)),
      usage && this.section(trans.__('Usage'), ...this.usage(usage)),
      active && this.section(trans.__('Calls'), this.calls(calls))
    );
    restoreFocus();
  }

  private section(title: string, ...children: (Node | null)[]): HTMLElement {
    return h('section', {}, h('h2', {}, title), ...children);
  }

  private workspace(
    active: Workspace | null,
    workspaces: Workspace[],
    members: Member[]
  ): HTMLElement[] {
    const { trans } = this;
    const id = newId();
    const options = workspaces.map(fact =>
      h('option', { attributes: { value: fact.id } }, fact.name)
    );
    if (!active) {
      const none = h('option', { attributes: { value: '' } }, trans.__('no workspace chosen'));
      none.disabled = true;
      options.unshift(none);
    }
    const select = h('select', { attributes: { id, name: 'workspace' } }, ...options);
    select.value = active?.id ?? '';
    select.addEventListener('change', () => {
      void this.act(async () => {
        await this.assay.api.useWorkspace(select.value);
        await this.assay.refresh();
      });
    });
    const name = h('input', {
      attributes: {
        type: 'text',
        name: 'new-workspace',
        'aria-label': trans.__('Name of a new workspace'),
        placeholder: trans.__('New workspace')
      }
    });
    const make = h('form', { class: 'assay-line' }, name, submit(trans.__('Create'), 'create'));
    make.addEventListener('submit', event => {
      event.preventDefault();
      void this.act(async () => {
        const made = await this.assay.api.createWorkspace(name.value.trim());
        await this.assay.api.useWorkspace(made.id);
        await this.assay.refresh();
      });
    });
    const people = members.map(({ user, role }) =>
      h('li', {}, user, ' ', h('span', { class: 'assay-note' }, role))
    );
    return [
      h('label', { class: 'assay-field', attributes: { for: id } }, trans.__('Active')),
      select,
      h(
        'ul',
        { class: 'assay-plain', attributes: { 'aria-label': trans.__('Members') } },
        ...people
      ),
      make
    ];
  }

  private makeKeys(status: Status, workspace: string): KeySection {
    return new KeySection(status, {
      workspace,
      api: this.assay.api,
      entry: status.mode === 'solo',
      changed: () => this.assay.refresh(),
      act: what => this.act(what),
      trans: this.trans
    });
  }

  /** Show where keys are changed and by whom, in the server's words, with a way to the page. */
  private keyway({ keyway }: Status): HTMLElement[] {
    const shown = [keyway?.text, keyway?.demo]
      .filter(text => text)
      .map(text => h('p', { class: 'assay-note' }, ...withCode(text ?? '')));
    const page = findPage(keyway?.page ?? null);
    if (!page) {
      return shown;
    }
    const open = (): void => {
      window.open(page, '_blank', 'noopener,noreferrer');
    };
    const act = button(this.trans.__('Open the key page'), open, 'assay-primary');
    return [...shown, h('div', { class: 'assay-actions' }, act)];
  }

  private model(status: Status, active: Workspace, models: string[]): HTMLElement[] {
    const { trans } = this;
    const id = newId();
    // Another connection's models are not known before it is asked: its name begins them.
    const begun = status.keys.filter(isNamed).map(({ connection }) => `${connection}/`);
    const known = h('datalist', { attributes: { id } });
    const offer = (): void => {
      fill(known, ...[...new Set([...models, ...begun, ...this.listed])].map(option));
    };
    offer();
    const input = h('input', {
      attributes: {
        type: 'text',
        name: 'model',
        list: id,
        'aria-label': trans.__('Model'),
        placeholder: 'connection/model'
      }
    });
    input.value = active.model ?? '';
    const form = h('form', { class: 'assay-line' }, input, submit(trans.__('Set'), 'set-model'));
    form.addEventListener('submit', event => {
      event.preventDefault();
      void this.act(async () => {
        await this.assay.api.setModel(active.id, input.value.trim() || null);
        await this.assay.refresh();
      });
    });
    const said = h('div', { class: 'assay-note', attributes: { role: 'status' } });
    const list = button(trans.__('List models'), () => {
      void this.act(async () => {
        const { models: listed, failures } = await this.assay.api.listModels(active.id);
        this.listed = listed;
        offer();
        const failed = failures.map(({ connection, message }) =>
          notice(`${connection}: ${message}`, 'warning')
        );
        fill(said, trans.__('%1 models listed: type to find one.', listed.length), ...failed);
      });
    });
    list.name = 'list-models';
    const none = hasConnection(status)
      ? trans.__('No model is chosen: choose one here.')
      : trans.__('There is no model without a key.');
    const used = status.model ? trans.__('Calls use %1.', status.model) : none;
    const warned = status.warnings.map(text => notice(text, 'warning'));
    return [h('p', { class: 'assay-note' }, used), ...warned, form, known, list, said];
  }

  private budget(status: Status): HTMLElement {
    const { granted, left } = status.budget;
    if (!granted) {
      return h(
        'p',
        { class: 'assay-note' },
        this.trans.__('None here: calls use the workspace’s key.')
      );
    }
    const text = this.trans.__('%1 of %2 left', left, granted);
    return h(
      'p',
      {},
      h('meter', {
        attributes: { min: '0', max: String(granted), value: String(left), 'aria-label': text }
      }),
      ' ',
      text
    );
  }

  private usage({ text, bars, limits }: Usage): HTMLElement[] {
    const warned = limits.filter(({ warning }) => warning);
    return [
      h('p', { class: 'assay-note' }, text),
      ...warned.map(({ warning }) => notice(warning, 'warning')),
      ...(limits.length ? [barsOf(limits, this.trans.__('Limits'))] : []),
      ...(bars.length ? [barsOf(bars, this.trans.__('Usage by day'))] : [])
    ];
  }

  private calls(calls: Call[]): HTMLElement {
    if (!calls.length) {
      return h('p', { class: 'assay-note' }, this.trans.__('None yet.'));
    }
    const rows = calls
      .slice(0, 12)
      .map(call =>
        h(
          'tr',
          {},
          ...[call.at, call.instrument, nameModel(call), call.status].map(text => h('td', {}, text))
        )
      );
    const head = [
      this.trans.__('When'),
      this.trans.__('What'),
      this.trans.__('Model'),
      this.trans.__('How')
    ];
    return h(
      'div',
      {
        class: 'assay-wide',
        attributes: {
          tabindex: '0',
          role: 'group',
          'aria-label': this.trans.__('The latest calls')
        }
      },
      h(
        'table',
        { class: 'assay-table' },
        h(
          'thead',
          {},
          h('tr', {}, ...head.map(text => h('th', { attributes: { scope: 'col' } }, text)))
        ),
        h('tbody', {}, ...rows)
      )
    );
  }

  /** Do something, and say in a sentence where it fails. */
  private async act(what: () => Promise<void>): Promise<void> {
    try {
      fill(this.news);
      await what();
    } catch (error) {
      fill(this.news, ...withCode(sentence(error)));
    }
  }
}

/** Return the key page's address. A gateway that does not know the hub's public host names a path on it. */
function findPage(page: string | null): string | null {
  if (!page) {
    return null;
  }
  const url = new URL(page, window.location.origin);
  return ['http:', 'https:'].includes(url.protocol) ? url.href : null;
}

/** Return what was called: a model behind its connection's name, which alone says where it went. */
function nameModel({ provider, model }: Call): string {
  return [provider, model].filter(Boolean).join('/');
}

/** Return bars below each other. Each has its value in words, so that a bar need not be measured. */
function barsOf(bars: Bar[], name: string): HTMLElement {
  const rows = bars.map(({ label, share, words }) => {
    const full = h('span', {});
    full.style.width = `${100 * Math.min(1, Math.max(0, share))}%`;
    const track = h('span', { class: 'assay-bar', attributes: { 'aria-hidden': 'true' } }, full);
    return h('li', {}, h('span', {}, label), track, h('span', { class: 'assay-note' }, words));
  });
  return h('ul', { class: 'assay-bars', attributes: { 'aria-label': name } }, ...rows);
}

function option(value: string): HTMLOptionElement {
  const made = h('option', {});
  made.value = value;
  return made;
}

function submit(text: string, name: string): HTMLButtonElement {
  return h('button', { class: 'assay-button', attributes: { type: 'submit', name } }, text);
}

/**
 * Return what puts the focus back where it was after a part is filled anew: on the same element, or
 * on the one that took its place, which has its name. Without it a keyboard begins again at the top.
 */
function keepFocus(part: HTMLElement): () => void {
  const at = document.activeElement;
  if (!(at instanceof HTMLElement) || !part.contains(at)) {
    return () => undefined;
  }
  const name = at.getAttribute('name');
  return () => {
    const next = at.isConnected ? at : name && part.querySelector(`[name="${name}"]`);
    if (next instanceof HTMLElement) {
      next.focus();
    }
  };
}
