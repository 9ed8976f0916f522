/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What rel_rx.c takes from <linux/rbtree.h>, for user space: a search tree that
 * chance keeps flat.
 *
 * A node is above others of less weight, and its weight is a mix of its address
 * (a treap).  rb_replace_node() leaves a node at the place of another weight: a
 * little less chance, but no wrong order.
 */
#ifndef _RBTREE_USER_H
#define _RBTREE_USER_H

#include "rel_user.h"

struct rb_node {
	struct rb_node *rb_parent;
	struct rb_node *rb_right;
	struct rb_node *rb_left;
};

struct rb_root {
	struct rb_node *rb_node;
};

#define RB_ROOT		((struct rb_root) { NULL })
#define rb_entry(ptr, type, member)					\
	((type *)((char *)(ptr) - offsetof(type, member)))

static inline u64 rb_weight(const struct rb_node *node)
{
	u64 mix = (uintptr_t)node * 0x9e3779b97f4a7c15ULL;

	return (mix ^ mix >> 29) * 0xbf58476d1ce4e5b9ULL;
}

/* Whatever pointed to @old, below @parent, points to @node. */
static inline void rb_point(struct rb_root *root, struct rb_node *parent,
			    const struct rb_node *old, struct rb_node *node)
{
	if (!parent)
		root->rb_node = node;
	else if (parent->rb_left == old)
		parent->rb_left = node;
	else
		parent->rb_right = node;
	if (node)
		node->rb_parent = parent;
}

/* @node and its parent change places. */
static inline void rb_rotate_up(struct rb_root *root, struct rb_node *node)
{
	struct rb_node *parent = node->rb_parent, *between;

	rel_steps++;
	rb_point(root, parent->rb_parent, parent, node);
	if (parent->rb_left == node) {
		between = node->rb_right;
		node->rb_right = parent;
		parent->rb_left = between;
	} else {
		between = node->rb_left;
		node->rb_left = parent;
		parent->rb_right = between;
	}
	if (between)
		between->rb_parent = parent;
	parent->rb_parent = node;
}

static inline void rb_link_node(struct rb_node *node, struct rb_node *parent,
				struct rb_node **link)
{
	node->rb_parent = parent;
	node->rb_left = NULL;
	node->rb_right = NULL;
	*link = node;
}

static inline void rb_insert_color(struct rb_node *node, struct rb_root *root)
{
	while (node->rb_parent &&
	       rb_weight(node->rb_parent) < rb_weight(node))
		rb_rotate_up(root, node);
}

static inline void rb_erase(struct rb_node *node, struct rb_root *root)
{
	while (node->rb_left && node->rb_right)
		rb_rotate_up(root, rb_weight(node->rb_left) <
				   rb_weight(node->rb_right) ?
				   node->rb_right : node->rb_left);
	rb_point(root, node->rb_parent, node,
		 node->rb_left ? node->rb_left : node->rb_right);
}

static inline void rb_replace_node(struct rb_node *old, struct rb_node *node,
				   struct rb_root *root)
{
	*node = *old;
	rb_point(root, old->rb_parent, old, node);
	if (node->rb_left)
		node->rb_left->rb_parent = node;
	if (node->rb_right)
		node->rb_right->rb_parent = node;
}

static inline struct rb_node *rb_next(const struct rb_node *node)
{
	const struct rb_node *below;

	if (node->rb_right) {
		for (node = node->rb_right; node->rb_left; node = node->rb_left)
			rel_steps++;
		return (struct rb_node *)node;
	}
	do {
		rel_steps++;
		below = node;
		node = node->rb_parent;
	} while (node && node->rb_right == below);
	return (struct rb_node *)node;
}

static inline struct rb_node *rb_prev(const struct rb_node *node)
{
	const struct rb_node *below;

	if (node->rb_left) {
		for (node = node->rb_left; node->rb_right;
		     node = node->rb_right)
			rel_steps++;
		return (struct rb_node *)node;
	}
	do {
		rel_steps++;
		below = node;
		node = node->rb_parent;
	} while (node && node->rb_left == below);
	return (struct rb_node *)node;
}

#endif /* _RBTREE_USER_H */
