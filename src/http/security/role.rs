//! Roles of tokens, and what each may do.

use std::fmt;
use std::str::FromStr;

/// What a route does, and so what its caller needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// Have to do with one's own token: every token, also one that is not granted yet.
    Own,
    /// Look at jobs.
    Read,
    /// Submit, copy and draft jobs, and try them.
    Submit,
    /// Approve versions that others have submitted.
    Approve,
    /// Start, stop, pause, resume, save and forget jobs.
    Operate,
    /// Make and withdraw tokens.
    Administer,
}

impl Right {
    /// All of them.
    pub const ALL: [Right; 6] =
        [Right::Own, Right::Read, Right::Submit, Right::Approve, Right::Operate, Right::Administer];

    /// Its name in the API.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Right::Own => "own",
            Right::Read => "read",
            Right::Submit => "submit",
            Right::Approve => "approve",
            Right::Operate => "operate",
            Right::Administer => "administer",
        }
    }
}

/// What somebody is to the jobs of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Looks.
    Viewer,
    /// Looks, and submits.
    Developer,
    /// Looks, and approves.
    Approver,
    /// Looks, and has jobs run.
    Operator,
    /// May do everything.
    Admin,
}

impl Role {
    /// All of them.
    pub const ALL: [Role; 5] =
        [Role::Viewer, Role::Developer, Role::Approver, Role::Operator, Role::Admin];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Developer => "developer",
            Role::Approver => "approver",
            Role::Operator => "operator",
            Role::Admin => "admin",
        }
    }

    /// What it may do.
    #[must_use]
    pub fn rights(self) -> &'static [Right] {
        match self {
            Role::Viewer => &[Right::Own, Right::Read],
            Role::Developer => &[Right::Own, Right::Read, Right::Submit],
            Role::Approver => &[Right::Own, Right::Read, Right::Approve],
            Role::Operator => &[Right::Own, Right::Read, Right::Operate],
            Role::Admin => &Right::ALL,
        }
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Role, String> {
        let found = Role::ALL.into_iter().find(|role| role.name() == text);
        found.ok_or_else(|| {
            let known = Role::ALL.map(Role::name).join(", ");
            format!("{text:?} is no role; there are {known}")
        })
    }
}

/// One role or several, each once. As text: names behind commas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roles(Vec<Role>);

impl Roles {
    /// Whoever may do everything.
    #[must_use]
    pub fn admin() -> Roles {
        Roles(vec![Role::Admin])
    }

    /// Whoever may do nothing.
    #[must_use]
    pub fn none() -> Roles {
        Roles(Vec::new())
    }

    /// Whether one of them may.
    #[must_use]
    pub fn may(&self, right: Right) -> bool {
        self.0.iter().any(|role| role.rights().contains(&right))
    }

    /// Their names.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        self.0.iter().map(|role| role.name()).collect()
    }
}

impl FromStr for Roles {
    type Err = String;

    fn from_str(text: &str) -> Result<Roles, String> {
        let all: Result<Vec<Role>, String> = text.split(',').map(|it| it.trim().parse()).collect();
        let mut all = all?;
        all.sort_unstable();
        all.dedup();
        Ok(Roles(all))
    }
}

impl fmt::Display for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names().join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_roles_may_what_each_of_them_may_and_only_admins_make_tokens() {
        let roles: Roles = "operator, developer,operator".parse().unwrap();
        assert_eq!(roles.to_string(), "developer,operator");
        let may = Right::ALL.map(|right| roles.may(right));
        assert_eq!(may, [true, true, true, false, true, false]);
        for role in Role::ALL {
            let roles: Roles = role.name().parse().unwrap();
            assert!(roles.may(Right::Read));
            assert_eq!(roles.may(Right::Administer), role == Role::Admin, "{roles}");
        }
        assert!(Right::ALL.iter().all(|&right| !Roles::none().may(right)));
    }

    #[test]
    fn what_is_no_role_is_refused_with_those_that_there_are() {
        for wrong in ["", "root", "Admin", "viewer;admin", "viewer,"] {
            let why = wrong.parse::<Roles>().unwrap_err();
            assert!(why.contains("viewer, developer, approver, operator, admin"), "{why}");
        }
    }
}
