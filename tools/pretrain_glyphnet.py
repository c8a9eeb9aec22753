import argparse, json, time
from pathlib import Path
import numpy as np
from tlhelpers import glyphs

def classes(scripts, held_out=0.0, seed=0):
    """letters grouped by look: list of lists"""
    letters = [c for s in scripts for c in glyphs.alphabet(s) if glyphs.has_glyph(c, "DejaVuSans")]
    pics = glyphs.render(letters, "DejaVuSans").reshape(len(letters), -1)
    pics = pics - pics.mean(1, keepdims=True); pics /= np.linalg.norm(pics, axis=1, keepdims=True)
    sim = pics @ pics.T
    group = []
    for i in range(len(letters)):
        twin = [j for j in range(i) if sim[i, j] > 0.95]
        group.append(group[twin[0]] if twin else i)
    groups = {}
    for l, g in zip(letters, group): groups.setdefault(g, []).append(l)
    return list(groups.values())

def clean_pictures(groups):
    """All fonts x letters: uint8 [m,32,32], labels [m]"""
    pics, labels = [], []
    for k, g in enumerate(groups):
        for f in glyphs.FONTS:
            ok = [c for c in g if glyphs.has_glyph(c, f)]
            if ok:
                pics.append(glyphs.render(ok, f)); labels += [k] * len(ok)
    return np.concatenate(pics), np.array(labels)

def warped_pictures(clean, labels, n, seed, strength=1.0):
    rng = np.random.default_rng(seed)
    by = [np.flatnonzero(labels == k) for k in range(labels.max() + 1)]
    y = rng.integers(0, len(by), n)
    idx = np.array([rng.choice(by[k]) for k in y])
    out = np.empty((n, 32, 32), np.uint8)
    for a in range(0, n, 1000):
        w = glyphs.warp(clean[idx[a:a+1000]], seed=(seed, a), strength=strength)
        out[a:a+1000] = np.round(w * 255)
    return out, y

def build(n_classes, widths=(24, 48, 64, 96, 96, 96), dim=128):
    import keras
    from keras import layers as L
    x = inp = keras.Input((32, 32, 3))
    def conv(x, name, f, s):
        x = L.Conv2D(f, 3, strides=s, padding="same", use_bias=False, name=name + "_conv")(x)
        x = L.BatchNormalization(momentum=0.95, name=name + "_bn")(x)
        return L.ReLU(name=name + "_out")(x)
    x = conv(x, "block1", widths[0], 1)
    x = conv(x, "block2", widths[1], 2)
    x = conv(x, "block3", widths[2], 1)
    x = conv(x, "block4", widths[3], 2)
    x = conv(x, "block5a", widths[4], 1)
    x = conv(x, "block5", widths[5], 2)
    x = L.Flatten()(x)
    x = L.Dense(dim, use_bias=False, name="block6_dense")(x)
    x = L.BatchNormalization(momentum=0.95, name="block6_bn")(x)
    return keras.Model(inp, x)

def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--scripts", default="latin,greek,cyrillic")
    ap.add_argument("--images", type=int, default=60000)
    ap.add_argument("--epochs", type=int, default=4)
    ap.add_argument("--strength", type=float, default=1.0)
    ap.add_argument("--ce", type=float, default=1.0)
    ap.add_argument("--nce", type=float, default=1.0)
    ap.add_argument("--lr", type=float, default=3e-3)
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--holdout", type=float, default=0.0)
    ap.add_argument("--out", default="/tmp/proto/m")
    a = ap.parse_args()
    import tensorflow as tf, keras
    from tqdm import tqdm
    keras.utils.set_random_seed(a.seed)
    t0 = time.time()
    groups = classes(a.scripts.split(","))
    rng = np.random.default_rng(a.seed)
    clean, cl = clean_pictures(groups)
    X, y = warped_pictures(clean, cl, a.images, a.seed, a.strength)
    print(len(groups), "classes", clean.shape, "data", round(time.time() - t0), "s", flush=True)
    clean8 = np.round(glyphs.degrade(clean) * 255).astype(np.uint8)
    clean = np.round(clean * 255).astype(np.uint8)
    by = [np.flatnonzero(cl == k) for k in range(len(groups))]
    net = build(len(groups))
    head = keras.layers.Dense(len(groups), name="letters"); head.build((None, 128))
    temp = tf.Variable(np.log(10.0).astype("float32"))
    bs = 256; steps = a.images // bs * a.epochs
    sched = keras.optimizers.schedules.CosineDecay(1e-4, steps, warmup_target=a.lr, warmup_steps=steps // 20)
    opt = keras.optimizers.AdamW(sched, weight_decay=1e-4)
    tv = net.trainable_variables + head.trainable_variables
    smooth = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)
    @tf.function
    def step(xw, xc, yy):
        with tf.GradientTape() as tape:
            x = tf.concat([xw, xc], 0)
            x = tf.repeat(tf.cast(x, tf.float32)[..., None] / 255, 3, -1)
            z = net(x, training=True)
            loss = 0.0
            if a.ce:
                oh = tf.one_hot(tf.concat([yy, yy], 0), len(groups))
                loss += a.ce * smooth(oh, head(tf.nn.relu(z)))
            if a.nce:
                zn = tf.math.l2_normalize(z, -1); zw, zc = tf.split(zn, 2)
                s = tf.matmul(zw, zc, transpose_b=True) * tf.exp(temp)
                same = tf.cast(yy[:, None] == yy[None], tf.float32)
                t = same / tf.reduce_sum(same, 1, keepdims=True)
                loss += a.nce * 0.5 * (tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(t, s)) + tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(t, tf.transpose(s))))
        g = tape.gradient(loss, tv)
        opt.apply_gradients(zip(g, tv))
        return loss
    opt.build(tv)
    t0 = time.time()
    bar = tqdm(total=steps, mininterval=20)
    for e in range(a.epochs):
        order = rng.permutation(a.images)
        tot = 0
        for i in range(a.images // bs):
            b = order[i * bs:(i + 1) * bs]
            xw = X[b].copy()
            d = rng.random(bs) < 0.6
            xw[d] = np.round(glyphs.degrade(xw[d].astype(np.float32) / 255) * 255)
            ci = np.array([rng.choice(by[k]) for k in y[b]])
            dc = np.where(rng.random(bs) < 0.8, d, ~d)
            xc = np.where(dc[:, None, None], clean8[ci], clean[ci])
            tot += float(step(tf.constant(xw), tf.constant(xc), tf.constant(y[b])))
            bar.update()
        print(e, round(tot / (i + 1), 3), "temp", float(tf.exp(temp)), round(time.time() - t0), "s", flush=True)
    net.save(a.out + ".keras")
main()
