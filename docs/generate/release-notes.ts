/** The notes of a release: the section of its version in CHANGELOG.md. */

/** Returns the section without its heading. @throws if there is none, or if it has no day of release yet */
export function releaseNotes(changelog: string, version: string): string {
  for (const section of changelog.split(/^## /m).slice(1)) {
    const [heading = '', ...lines] = section.split('\n');
    const [named, day = ''] = heading.split(', ');
    if (named !== version) continue;
    if (!/^\d{4}-\d\d-\d\d$/.test(day)) {
      throw new Error(`CHANGELOG.md: write the day of release as "## ${version}, 2027-01-15"; it says "## ${heading}"`);
    }
    const notes = lines.join('\n').trim();
    if (notes === '') throw new Error(`CHANGELOG.md: nothing stands under "## ${heading}"`);
    return `${notes}\n`;
  }
  throw new Error(`CHANGELOG.md: there is no section "## ${version}, …"`);
}
