/** The list of failures in docs/troubleshooting.md, with the words that the program itself says. */
import { adviceOn, advices } from '../../src/openai/advice.ts';

export function adviceList(): string {
  return advices
    .map(({ seen, example }) => `- **${seen}** (\`${example.reason}\`): ${adviceOn(example).whatToDo}\n`)
    .join('');
}
