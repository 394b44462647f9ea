//! Strongly connected components of a graph, without recursion: graphs may be deep.

/// The component of each node. `graph` has for each node the nodes that it leads to.
pub(super) fn components(graph: &[Vec<usize>]) -> Vec<usize> {
    let mut back: Vec<Vec<usize>> = vec![Vec::new(); graph.len()];
    for (node, next) in graph.iter().enumerate() {
        for next in next {
            if let Some(back) = back.get_mut(*next) {
                back.push(node);
            }
        }
    }
    let mut component = vec![usize::MAX; graph.len()];
    for root in ends(graph).into_iter().rev() {
        let mut reached = vec![root];
        while let Some(node) = reached.pop() {
            match component.get_mut(node) {
                Some(component) if *component == usize::MAX => *component = root,
                _ => continue,
            }
            reached.extend(back.get(node).into_iter().flatten());
        }
    }
    component
}

/// The nodes in the order in which a search in depth is done with them.
fn ends(graph: &[Vec<usize>]) -> Vec<usize> {
    let mut seen = vec![false; graph.len()];
    let mut first = |node: usize| {
        let seen = seen.get_mut(node);
        seen.is_some_and(|seen| !std::mem::replace(seen, true))
    };
    let mut ends = Vec::with_capacity(graph.len());
    for root in 0..graph.len() {
        if !first(root) {
            continue;
        }
        let mut way = vec![(root, 0)];
        while let Some((node, done)) = way.last_mut() {
            match graph.get(*node).and_then(|next| next.get(*done)) {
                Some(next) => {
                    *done += 1;
                    if first(*next) {
                        way.push((*next, 0));
                    }
                }
                None => {
                    ends.push(*node);
                    way.pop();
                }
            }
        }
    }
    ends
}
