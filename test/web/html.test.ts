import fc from 'fast-check';
import { expect, test } from 'vitest';
import { html } from '../../src/web/html.ts';

test('values are escaped, HTML is not escaped twice, lists follow one another', () => {
  const part = html`<i>${'<&>'}</i>`;
  expect(html`<p title="${`"'`}">${part}${[part, part]}${5}</p>`.html).toBe(
    '<p title="&quot;&#39;"><i>&lt;&amp;&gt;</i><i>&lt;&amp;&gt;</i><i>&lt;&amp;&gt;</i>5</p>',
  );
});

test('no text opens a tag or ends an attribute', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(html`${text}`.html).not.toMatch(/[<>"']/);
    }),
  );
});
