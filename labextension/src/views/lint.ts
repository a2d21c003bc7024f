import type { TranslationBundle } from '@jupyterlab/translation';
import type { LintFinding, LintReport } from '../api/results';
import { badge, h, type Tone } from './dom';
import { findingList, MarkedPrompt } from './parts';

const TONES: Record<LintFinding['level'], Tone> = {
  error: 'bad',
  warning: 'warning',
  hint: 'info'
};

/** A lint report: the rules' findings beside the words they speak of. No score. */
export function viewLint(result: LintReport, trans: TranslationBundle): HTMLElement[] {
  const heading = h('h3', { class: 'assay-heading' }, trans.__('Lint'), ' ');
  if (!result.text.trim()) {
    return [heading, h('p', {}, trans.__('The prompt is empty: nothing was checked.'))];
  }
  if (!result.findings.length) {
    heading.append(badge(trans.__('pass'), 'good'));
    return [heading, h('p', {}, trans.__('Lint found nothing.'))];
  }
  const marks = result.findings.map(({ start, end }, index) => ({
    start,
    end,
    label: String(index + 1),
    tone: TONES[result.findings[index]?.level ?? 'hint']
  }));
  const prompt = new MarkedPrompt(
    result.text,
    marks,
    trans.__('The prompt, with its findings marked')
  );
  const items = result.findings.map((finding, index) => ({
    label: String(index + 1),
    node: h(
      'li',
      { class: 'assay-item' },
      h('span', { class: 'assay-label' }, String(index + 1)),
      h(
        'div',
        { class: 'assay-title' },
        finding.message,
        ' ',
        badge(finding.level, TONES[finding.level]),
        ' ',
        badge(finding.rule)
      ),
      finding.fix &&
        h(
          'div',
          { class: 'assay-more' },
          ...(finding.fix.replacement.trim()
            ? [trans.__('Fix: write '), h('code', {}, finding.fix.replacement)]
            : [trans.__('Fix: delete it.')])
        )
    )
  }));
  const more = result.omitted
    ? [h('p', { class: 'assay-note' }, trans.__('%1 more in .findings', result.omitted))]
    : [];
  return [heading, prompt.node, findingList(items, prompt), ...more];
}
