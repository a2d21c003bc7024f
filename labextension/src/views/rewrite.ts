import type { TranslationBundle } from '@jupyterlab/translation';
import type { LedgerRow, Rewrite } from '../api/results';
import { badge, button, h, type Tone } from './dom';
import { finePrint, notice, notices, spaced } from './parts';

const TONES: Record<LedgerRow['status'], Tone> = {
  kept: 'good',
  dropped: 'warning',
  lost: 'bad',
  unaccounted: 'bad'
};

/** A rewrite: the new text, and what became of every constraint of the old one. */
export function viewRewrite(
  result: Rewrite,
  apply: ((text: string) => void) | null,
  trans: TranslationBundle
): HTMLElement[] {
  const verdict = !result.complete
    ? badge(trans.__('so far'), 'info')
    : result.accepted
      ? badge(trans.__('passes the checks'), 'good')
      : badge(trans.__('refused'), 'bad');
  const label = { tabindex: '0', 'aria-label': trans.__('The new prompt') };
  const parts: (HTMLElement | null)[] = [
    h('h3', { class: 'assay-heading' }, trans.__('Rewrite'), ' ', ...spaced([verdict])),
    ...notices(result.provenance, trans),
    result.goal ? h('p', {}, h('strong', {}, trans.__('Goal:')), ' ', result.goal) : null,
    ...result.breaches.map(({ message, level }) =>
      notice(message, level === 'error' ? 'bad' : 'warning')
    ),
    h('pre', { class: 'assay-prompt', attributes: label }, result.proposed),
    result.accepted && apply
      ? h(
          'div',
          { class: 'assay-actions' },
          button(
            trans.__('Apply to cell'),
            () => {
              apply(result.proposed);
            },
            'assay-primary'
          )
        )
      : null,
    result.ledger.length ? ledger(result.ledger, trans) : null,
    result.changes.length
      ? h('ul', { class: 'assay-changes' }, ...result.changes.map(change => h('li', {}, change)))
      : null,
    finePrint(result.provenance, trans)
  ];
  return parts.filter(part => part !== null);
}

function ledger(rows: readonly LedgerRow[], trans: TranslationBundle): HTMLElement {
  const head = [trans.__('Constraint'), trans.__('Is now'), trans.__('Status')];
  return h(
    'table',
    { class: 'assay-table' },
    h('caption', {}, trans.__('What became of the constraints')),
    h(
      'thead',
      {},
      h('tr', {}, ...head.map(text => h('th', { attributes: { scope: 'col' } }, text)))
    ),
    h(
      'tbody',
      {},
      ...rows.map(row =>
        h(
          'tr',
          {},
          h('td', {}, row.before.quote),
          h('td', {}, row.after?.quote ?? row.reason),
          h('td', {}, badge(row.status, TONES[row.status]))
        )
      )
    )
  );
}
