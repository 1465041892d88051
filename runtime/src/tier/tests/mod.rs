mod answers;
mod model;
mod parts;
mod queue;
