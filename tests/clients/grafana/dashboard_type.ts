// What Grafana takes as the dashboard in packaging/, by the types that Grafana publishes: no unknown key, no wrong value.

import type { Dashboard, FieldConfig, Panel, RowPanel } from '@grafana/schema';
import type { Options as StatOptions } from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type { FieldConfig as TimeSeriesField, Options as TimeSeriesOptions }
  from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

// As JSON has it: enumerations are their texts.
type Json<T> = T extends string ? `${T}`
  : T extends number | boolean | null | undefined ? T
  : T extends (infer Item)[] ? Json<Item>[]
  : T extends object ? { [Key in keyof T]: Json<T[Key]> }
  : T;

interface Target {
  refId: string;
  datasource: { type: 'prometheus'; uid: '${datasource}' };
  expr: string;
  legendFormat: string;
}

type PanelOf<Type extends string, Options, Field> = Omit<Panel, 'type' | 'options' | 'fieldConfig' | 'targets'> & {
  type: Type;
  options: Partial<Options>;
  fieldConfig: { defaults: Omit<FieldConfig, 'custom'> & { custom?: Partial<Field> }; overrides: never[] };
  targets: Target[];
};

export type TracelinkDashboard = Json<Omit<Dashboard, 'panels'> & {
  panels: (RowPanel | PanelOf<'stat', StatOptions, never> | PanelOf<'timeseries', TimeSeriesOptions, TimeSeriesField>)[];
}>;
