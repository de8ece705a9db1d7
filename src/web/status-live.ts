/** Live usage on the status page: what arrived in the last minutes, and what became of it. */
import type { LiveMinute, LiveStatus } from '../status.ts';
import { numberCell, numberColumn, scrollTable } from './cells.ts';
import { barChart } from './charts.ts';
import { type Html, html } from './html.ts';
import { clockTime, exactly, shortly } from './words.ts';

export function liveSection({ minutes, records, groups, folded }: LiveStatus): Html {
  const { counted, duplicate, skipped, refused } = records;
  if (counted + duplicate + skipped + refused === 0) {
    return html`<p>Nothing has been reported since the start. Applications and gateways report at <code>POST /api/live</code>.</p>`;
  }
  return html`<p class="soft">Applications and gateways have reported this; a bar is a minute of arrival. It is no part of OpenAI's own numbers.</p>
${chart(minutes)}
<details id="table-live"><summary>The last minutes, as a table</summary>${table(minutes)}</details>
<p>Records since the start: ${exactly(counted)} counted, ${exactly(duplicate)} sent again, ${exactly(skipped)} without usage of OpenAI, ${exactly(refused)} refused. Groups: ${exactly(groups)}.</p>
${refused > 0 ? html`<p class="warn">Refused records are not counted: the answer to each report says why. <code>openai_exporter_live_records_total</code> tells the format.</p>` : html``}
${folded > 0 ? html`<p class="warn">Records in the group <code>other</code>: ${exactly(folded)}. There are more groups than <code>--live.max-groups</code>.</p>` : html``}`;
}

function chart(minutes: readonly LiveMinute[]): Html {
  const bars = minutes.map(({ start, tokens, records }, index) => ({
    title: `${clockTime(start)}: ${exactly(tokens ?? 0)} tokens in ${exactly(records)} records`,
    parts: [tokens ?? 0],
    provisional: index === minutes.length - 1,
  }));
  const marks = new Map(
    minutes.flatMap(({ start }, index) => (index % 5 === 0 ? [[index, clockTime(start)] as const] : [])),
  );
  const label = 'Tokens reported by minute, as bars; the table below has the numbers';
  return barChart({ label, bars, text: shortly, marks, names: ['tokens'] });
}

function table(minutes: readonly LiveMinute[]): Html {
  return scrollTable({
    label: 'Table of live usage',
    head: ['Minute', numberColumn('Records'), numberColumn('Requests'), numberColumn('Tokens')],
    rows: minutes.map(
      ({ start, records, requests, tokens }) => html`<tr><th scope="row">${clockTime(start)}</th>
${numberCell(exactly(records))}${numberCell(exactly(requests ?? 0))}${numberCell(exactly(tokens ?? 0))}</tr>`,
    ),
  });
}
