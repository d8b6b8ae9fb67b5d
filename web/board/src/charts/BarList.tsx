import { scaleLinear } from 'd3-scale';
import { Fragment } from 'preact';
import { Legend } from './Legend';
import type { LegendItem } from './Legend';
import type { Bar } from './series';
import { NumbersTable } from './NumbersTable';

/** Bars that lie, in groups: the figure stands behind each. */
export function BarList({ bars, unit, legend }: { bars: Bar[]; unit: string | undefined; legend?: LegendItem[] }) {
  const totals = bars.map(({ parts }) => parts.reduce((sum, { value }) => sum + (value ?? 0), 0));
  const percent = scaleLinear([0, Math.max(...totals, 0) || 1], [0, 100]);
  const groups = [...new Set(bars.map(({ group }) => group))];
  if (bars.length === 0) return <p class="empty">{unit ? 'No deal has such an amount.' : 'No deal fits.'}</p>;
  return (
    <>
      {legend && <Legend items={legend} />}
      <div class="bars">
        {groups.map((group) => (
          <Fragment key={group}>
            <h3>{group}</h3>
            <ul>
              {bars
                .filter((bar) => bar.group === group)
                .map((bar) => (
                  <li key={bar.name}>
                    <span class="name">{bar.name}</span>
                    <span class="track" aria-hidden="true">
                      {bar.parts.map(({ name, color, value, text }) => (
                        <span
                          key={name}
                          class="part"
                          data-color={color}
                          style={{ width: `${percent(Math.max(0, value ?? 0))}%` }}
                          title={`${name}: ${text}`}
                        />
                      ))}
                    </span>
                    <span class="figure">
                      {bar.parts.map(({ name, text }, index) => (
                        <Fragment key={name}>
                          {index > 0 && <span class="faint"> · </span>}
                          {bar.parts.length > 1 && <span class="hidden">{name}: </span>}
                          {text}
                        </Fragment>
                      ))}
                    </span>
                  </li>
                ))}
            </ul>
          </Fragment>
        ))}
      </div>
      {legend && (
        <NumbersTable
          heads={['Stage', ...legend.map(({ name }) => name)]}
          rows={bars.map((bar) => [
            `${bar.group}, ${bar.name}`,
            ...legend.map(({ name }) => bar.parts.find((part) => part.name === name)?.text ?? '–'),
          ])}
        />
      )}
    </>
  );
}
