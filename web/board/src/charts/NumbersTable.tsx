/** What a chart shows, with all digits. */
export const NumbersTable = ({ heads, rows }: { heads: string[]; rows: string[][] }) => (
  <details class="numbers">
    <summary>The numbers</summary>
    <div tabIndex={0} role="region" aria-label="The numbers">
      <table>
        <thead>
          <tr>
            {heads.map((head) => (
              <th key={head} scope="col">
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(([first, ...others]) => (
            <tr key={first}>
              <th scope="row">{first}</th>
              {others.map((text, index) => (
                <td key={index}>{text}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  </details>
);
