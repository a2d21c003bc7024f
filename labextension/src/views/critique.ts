import type { TranslationBundle } from '@jupyterlab/translation';
import type { Critique } from '../api/results';
import { badge, h } from './dom';
import {
  dimension,
  findingItem,
  findingList,
  finePrint,
  MarkedPrompt,
  marksOf,
  notices,
  spaced
} from './parts';

/** A critique: verdict, scores, and findings beside the words they speak of. */
export function viewCritique(result: Critique, trans: TranslationBundle): HTMLElement[] {
  const prompt = new MarkedPrompt(
    result.prompt,
    marksOf(result.findings),
    trans.__('The prompt, with its findings marked')
  );
  const items = result.findings.map(finding => ({
    label: finding.id.replace(/^f/, ''),
    node: findingItem(finding, trans)
  }));
  const parts: (HTMLElement | null)[] = [
    h(
      'h3',
      { class: 'assay-heading' },
      trans.__('Critique'),
      ' ',
      ...spaced(verdict(result, trans))
    ),
    ...notices(result.provenance, trans),
    h('div', { class: 'assay-scores' }, ...result.dimensions.map(row => score(row, trans))),
    prompt.node,
    items.length ? findingList(items, prompt) : null,
    dropped(result, trans),
    finePrint(result.provenance, trans)
  ];
  return parts.filter(part => part !== null);
}

function verdict(result: Critique, trans: TranslationBundle): HTMLElement[] {
  const number =
    result.score === null
      ? []
      : [h('span', { class: 'assay-score' }, trans.__('%1 of 5', result.score.toFixed(1)))];
  if (result.verdict === null) {
    return [badge(trans.__('so far'), 'info')];
  }
  return [
    result.verdict === 'pass'
      ? badge(trans.__('pass'), 'good')
      : badge(trans.__('needs work'), result.findings.some(isGrave) ? 'bad' : 'warning'),
    ...number
  ];
}

function isGrave({ severity }: Critique['findings'][number]): boolean {
  return severity === 'blocker' || severity === 'major';
}

function score(row: Critique['dimensions'][number], trans: TranslationBundle): HTMLElement {
  const answered = row.items.filter(item => item.answer === 'yes' || item.answer === 'no').length;
  const yes = row.items.filter(item => item.answer === 'yes').length;
  const note = row.na_reason ?? trans.__('%1 of %2 answered yes', yes, answered);
  const bar = h('span', { class: 'assay-bar', attributes: { 'aria-hidden': 'true' } });
  bar.style.setProperty('--assay-share', `${((row.score ?? 0) / 5) * 100}%`);
  const value = row.score === null ? trans.__('n/a') : row.score.toFixed(1);
  return h(
    'div',
    { class: 'assay-row' },
    h('span', { class: 'assay-name' }, dimension(row.id, trans), ' '),
    bar,
    h('span', { class: 'assay-value' }, value, ' '),
    h('span', { class: 'assay-note' }, note)
  );
}

function dropped(result: Critique, trans: TranslationBundle): HTMLElement | null {
  const { unanchored, contradicted } = result.consistency;
  const text = [
    unanchored &&
      trans._n(
        '%1 finding was dropped: its words are not in the prompt.',
        '%1 findings were dropped: their words are not in the prompt.',
        unanchored,
        unanchored
      ),
    contradicted &&
      trans._n(
        '%1 was dropped: the prompt has what it misses.',
        '%1 were dropped: the prompt has what they miss.',
        contradicted,
        contradicted
      )
  ].filter(Boolean);
  return text.length ? h('p', { class: 'assay-note' }, text.join(' ')) : null;
}
