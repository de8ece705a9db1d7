/** The table of failures in docs/troubleshooting.md, with the words that the program itself says. */
import { adviceOn, advices } from '../../src/openai/advice.ts';
import { markdownTable } from './markers.ts';

export function adviceTable(): string {
  return markdownTable(
    ['What comes back', 'Reason', 'What to do'],
    advices.map(({ seen, example }) => [seen, `\`${example.reason}\``, adviceOn(example).whatToDo]),
  );
}
