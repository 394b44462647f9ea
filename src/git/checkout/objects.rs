//! The objects of a repository and of those of its submodules, as one.

use gix::objs::{Data, Exists, Find};

use super::{At, CheckoutError};

#[derive(Clone)]
pub(super) struct Objects(Vec<gix::OdbHandleArc>);

impl Objects {
    pub(super) fn of(
        repo: &gix::Repository,
        others: &[gix::Repository],
    ) -> Result<Self, CheckoutError> {
        let all = std::iter::once(repo).chain(others);
        let handles = all.map(|repo| repo.objects.clone().into_arc().at(repo.git_dir()));
        handles.collect::<Result<_, _>>().map(Self)
    }
}

impl Find for Objects {
    fn try_find<'b>(
        &self,
        id: &gix::oid,
        buffer: &'b mut Vec<u8>,
    ) -> gix::Result<Option<Data<'b>>> {
        let holder = self.0.iter().find(|objects| objects.exists(id));
        match holder {
            Some(objects) => objects.try_find(id, buffer),
            None => Ok(None),
        }
    }
}
