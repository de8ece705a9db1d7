/**
 * What is outside of the compose file, as one container: the API of an organization that spends 10 dollars a day, on port
 * 8080; a webhook that takes Slack's messages, on port 8081; and what it was sent, on port 8082.
 */
import { type Message, startReceiver } from '../../deploy/stack/receiver.ts';
import { reply, startHttpServer } from '../helpers/http-server.ts';
import { type RowsOf, startScriptedApi, testKey } from '../helpers/scripted-api.ts';
import { wallClock } from '../helpers/test-clock.ts';

const rows: RowsOf = (api) =>
  api === 'costs'
    ? [{ amount: { value: '10', currency: 'usd' }, project_id: 'proj_a', line_item: 'gpt-5, input' }]
    : [];
const host = '0.0.0.0';
const messages: Message[] = [];

const api = await startScriptedApi({ rows, clock: wallClock, listen: { host, port: 8080 } });
api.keys = new Set([testKey, `${testKey}-europe`]);
await startReceiver((message) => messages.push(message), { host, port: 8081 });
await startHttpServer((_, response) => reply(response, 200, { messages }), { host, port: 8082 });
