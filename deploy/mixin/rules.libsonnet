local rules = import 'generated/rules.json';

{
  prometheusRules+:: {
    groups+: rules.groups,
  },
}
