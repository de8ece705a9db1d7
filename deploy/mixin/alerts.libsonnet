local alerts = import 'generated/alerts.json';

{
  local labels = $._config.alertLabels,
  local without = $._config.withoutAlerts,
  local change(rule) = if std.objectHas(rule, 'alert') then rule { labels+: labels } else rule,
  local wanted(rule) = !(std.objectHas(rule, 'alert') && std.member(without, rule.alert)),

  prometheusAlerts+:: {
    groups+: [
      group { rules: [change(rule) for rule in group.rules if wanted(rule)] }
      for group in alerts.groups
    ],
  },
}
