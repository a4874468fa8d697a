"""Events in, validated tables out."""
