// What a platform sets differently. Import the mixin and put its own values behind it:
//   (import 'openai-usage-exporter-mixin/mixin.libsonnet') + { _config+:: { dashboardRefresh: '5m' } }
{
  _config+:: {
    // By the first tag the boards link to each other.
    dashboardTags: ['openai-usage-exporter'],
    dashboardRefresh: '1m',
    // Labels that every alert gets, for routes.
    alertLabels: {},
    // Names of alerts that are left out.
    withoutAlerts: [],
  },
}
