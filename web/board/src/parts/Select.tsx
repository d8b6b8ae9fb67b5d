type Props = {
  label: string;
  /** What it says when nothing is chosen; without it something always is. */
  any?: string;
  value: string | undefined;
  options: [value: string, name: string][];
  onChange: (value: string | undefined) => void;
};

/** A choice of one; `label` is for screen readers. */
export function Select({ label, any, value, options, onChange }: Props) {
  const isKnown = value === undefined || options.some(([one]) => one === value);
  return (
    <span class="select" data-set={Boolean(any && value)}>
      <select aria-label={label} value={value ?? ''} onChange={({ currentTarget }) => onChange(currentTarget.value || undefined)}>
        {any && <option value="">{any}</option>}
        {!isKnown && <option value={value}>{value}</option>}
        {options.map(([one, name]) => (
          <option key={one} value={one}>
            {name}
          </option>
        ))}
      </select>
    </span>
  );
}
