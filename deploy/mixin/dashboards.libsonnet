local boards = {
  'openai-overview.json': import 'generated/openai-overview.json',
  'openai-usage.json': import 'generated/openai-usage.json',
  'openai-costs.json': import 'generated/openai-costs.json',
  'openai-limits.json': import 'generated/openai-limits.json',
  'openai-live.json': import 'generated/openai-live.json',
  'openai-organizations.json': import 'generated/openai-organizations.json',
  'openai-exporter.json': import 'generated/openai-exporter.json',
};

{
  local tags = $._config.dashboardTags,
  local refresh = $._config.dashboardRefresh,

  grafanaDashboards+:: {
    [name]: boards[name] {
      tags: tags,
      refresh: refresh,
      links: [link { tags: [tags[0]] } for link in boards[name].links],
    }
    for name in std.objectFields(boards)
  },
}
