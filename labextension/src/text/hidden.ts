/**
 * Characters that hide or reorder text, by their number: what is read is what is there.
 *
 * The same characters as in the package's static forms, so that a result reads alike everywhere.
 */
/* eslint-disable no-misleading-character-class -- each stands for itself, on purpose */
const HIDDEN = new RegExp(
  [
    '\\r(?=\\n)',
    '[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f]', // controls; not tab and line feed
    '[\\xad\\u034f\\u115f\\u1160\\u180e\\u200b\\u2028\\u2029\\u2060-\\u2065\\u3164\\ufeff\\uffa0]', // nothing to see
    '[\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069]', // direction
    '[\\u206a-\\u206f\\ufff9-\\ufffb\\ufffe\\uffff\\ud800-\\udfff]', // no characters, half a pair
    '(?<![\\u{1f3f4}\\u{e0020}-\\u{e007f}])[\\u{e0000}-\\u{e007f}]+', // tags, save those of a flag
    '(?<![\\u3400-\\u9fff\\u{20000}-\\u{3ffff}])[\\u{e0100}-\\u{e01ef}]+' // variants of no ideograph
  ].join('|'),
  'gu'
);
/* eslint-enable no-misleading-character-class */

/** Return the text with every hidden or reordering character as its number: `⟨U+202E⟩`. */
export function showHidden(text: string): string {
  return text.replace(HIDDEN, match => (match === '\r' ? '' : [...match].map(number).join('')));
}

function number(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  return `⟨U+${code.toString(16).toUpperCase().padStart(4, '0')}⟩`;
}
