/** Return the findings in groups of one rule and class, both in the order of the text. */
export function groupAlike<Finding extends { rule: string; level: string }>(
  findings: readonly Finding[]
): Finding[][] {
  const groups = new Map<string, Finding[]>();
  for (const finding of findings) {
    const kind = `${finding.rule} ${finding.level}`;
    const group = groups.get(kind);
    if (group) {
      group.push(finding);
    } else {
      groups.set(kind, [finding]);
    }
  }
  return [...groups.values()];
}
