import js from '@eslint/js';
import ts from 'typescript-eslint';

export default ts.config(js.configs.recommended, ...ts.configs.strictTypeChecked, {
  languageOptions: {
    parserOptions: { project: './tsconfig.test.json', tsconfigRootDir: import.meta.dirname }
  },
  rules: {
    // Foreign text enters the page as text, never as markup.
    'no-restricted-properties': [
      'error',
      ...['innerHTML', 'outerHTML', 'insertAdjacentHTML'].map(property => ({ property }))
    ],
    // Requests are made in one file.
    'no-restricted-globals': ['error', 'fetch', 'XMLHttpRequest', 'EventSource', 'localStorage', 'sessionStorage'],
    // Lumino's signals are connected as (method, this).
    '@typescript-eslint/unbound-method': 'off',
    // Code points are what the package counts, and what is wanted here.
    '@typescript-eslint/no-misused-spread': 'off',
    '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }]
  }
});
