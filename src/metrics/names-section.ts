/**
 * The section of names: for every id that is on the page, and every one that is listed, exactly one series of value 1
 * that tells its name. Joined to usage and costs, these lose no amount and double none.
 */
import type { Directory, KeyName, Names, ProjectName, UserName } from '../inventory/directory.ts';
import { foldedValue, labelText, noValue } from '../usage/labels.ts';
import type { Family } from './families.ts';
import type { IdsOnPage } from './ids-on-page.ts';
import { renderEntries } from './render.ts';
import type { Rendered, Section } from './section.ts';

export const namesSectionName = 'names';

/** The sentence that is true of every info series of ids. */
export const everyId = 'Every id on the page has exactly one; where no name is known, the name is the id.';

export const projectInfo: Family = {
  name: 'openai_project_info',
  type: 'gauge',
  help: `Name, status and residency of a project; always 1. ${everyId}`,
};
export const apiKeyInfo: Family = {
  name: 'openai_api_key_info',
  type: 'gauge',
  help: `Name, project and owner of an API key; always 1. ${everyId}`,
};
export const userInfo: Family = {
  name: 'openai_user_info',
  type: 'gauge',
  help: `Name of a user or service account; always 1. ${everyId}`,
};

export const organizationInfo: Family = {
  name: 'openai_organization_info',
  type: 'gauge',
  help: 'Id and name of the organization, from its costs; always 1. Absent until costs were read.',
};

/** Labels of the info series; the e-mail address only where it was asked for. */
export const infoLabels = {
  project: ['project_id', 'project_name', 'status', 'residency'],
  apiKey: ['api_key_id', 'api_key_name', 'project_id', 'owner_type', 'owner_id'],
  user: ['user_id', 'user_name', 'user_email'],
  organization: ['organization_id', 'organization_name'],
} as const;

export const namedDimensions: readonly string[] = ['project_id', 'api_key_id', 'user_id'];

export interface NamesOptions {
  readonly directory: Directory;
  readonly onPage: IdsOnPage;
  readonly userEmail: boolean;
}

export function namesSection({ directory, onPage, userEmail }: NamesOptions): Section {
  let renderedFrom = '';
  const version = () => `${directory.version} ${onPage.version}`;
  const userLabels = userEmail ? infoLabels.user : infoLabels.user.slice(0, 2);
  return {
    name: namesSectionName,
    stale: () => version() !== renderedFrom,
    *render() {
      renderedFrom = version();
      const projects = entries(directory.projects, onPage.values('project_id'), unknownProject);
      const keys = entries(directory.keys, onPage.values('api_key_id'), unknownKey);
      const users = entries(directory.users, onPage.values('user_id'), unknownUser);
      const { organization } = directory;
      yield* renderInfo(organizationInfo, organization === undefined ? [] : [organization], ({ id, name }) =>
        labelText(infoLabels.organization, [id, name]),
      );
      yield* renderInfo(projectInfo, projects, ({ id, name, status, residency }) =>
        labelText(infoLabels.project, [id, name, status, residency]),
      );
      yield* renderInfo(apiKeyInfo, keys, ({ id, name, projectId, ownerType, ownerId }) =>
        labelText(infoLabels.apiKey, [id, name, projectId, ownerType, ownerId]),
      );
      yield* renderInfo(userInfo, users, ({ id, name, email }) => labelText(userLabels, [id, name, email]));
      return undefined;
    },
  };
}

function renderInfo<T>(family: Family, all: readonly T[], labels: (entry: T) => string): Generator<Rendered> {
  return renderEntries(family, all, (entry, add) => add('', labels(entry), 1));
}

/** Returns what is listed, and for every other id on the page what is remembered or the bare id. */
function entries<T extends { readonly id: string }>(
  names: Names<T>,
  shown: ReadonlySet<string>,
  unknown: (id: string) => T,
): readonly T[] {
  const listed = names.listed();
  const entry = (id: string) => (isReserved(id) ? unknown(id) : (names.remembered(id) ?? unknown(id)));
  return [
    ...[...listed.values()].filter(({ id }) => !isReserved(id)),
    ...[...shown].filter((id) => isReserved(id) || !listed.has(id)).map(entry),
  ];
}

/** Reports whether usage is counted under it that has no id; nothing that is listed can lend it a name. */
function isReserved(id: string): boolean {
  return id === noValue || id === foldedValue;
}

const unknownProject = (id: string): ProjectName => ({ id, name: id, status: noValue, residency: noValue });
const unknownKey = (id: string): KeyName => ({
  id,
  name: id,
  projectId: noValue,
  ownerType: noValue,
  ownerId: noValue,
});
const unknownUser = (id: string): UserName => ({ id, name: id, email: noValue });
