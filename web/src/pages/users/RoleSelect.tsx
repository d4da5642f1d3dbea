import { Select } from "@mantine/core";

import type { Role } from "@/api/types";

export function RoleSelect({
  value,
  onChange,
  error,
}: {
  value: Role;
  onChange: (role: Role) => void;
  error?: string | undefined;
}) {
  return (
    <Select
      label="Role"
      data={[
        { value: "viewer", label: "Viewer: sees everything, changes nothing" },
        { value: "admin", label: "Admin: may do everything" },
      ]}
      value={value}
      onChange={(role) => onChange(role === "admin" ? "admin" : "viewer")}
      allowDeselect={false}
      error={error}
    />
  );
}
