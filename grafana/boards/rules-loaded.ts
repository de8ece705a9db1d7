/** The one panel of a board that says why the others are empty: nobody has loaded the recording rules. */
import { number, type Panel } from '../panels.ts';
import { of } from '../promql.ts';

export function rulesLoaded(size: { readonly width?: number; readonly height?: number } = {}): Panel {
  return number(
    {
      title: 'Recording rules',
      about:
        'Curves and what is summed over the time shown need them: deploy/prometheus/rules, or deploy/grafana for rules in Grafana.',
      unit: 'short',
      none: 'no exporter',
      textSize: 24,
      ...size,
      words: [
        { from: 0, text: 'not loaded', color: 'red' },
        { from: 1, to: 1e6, text: 'loaded', color: 'green' },
      ],
    },
    `count(${of('job:openai_recording_rules:info')}) or on () 0 * count(${of('openai_exporter_build_info')})`,
  );
}
