export type LegendItem = { name: string; color: string };

/** Which colour is what. */
export const Legend = ({ items }: { items: LegendItem[] }) => (
  <ul class="legend">
    {items.map(({ name, color }) => (
      <li key={name}>
        <span class="part" data-color={color} aria-hidden="true" />
        {name}
      </li>
    ))}
  </ul>
);
